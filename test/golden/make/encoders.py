"""Tiny DistilBERT, ESM and DeBERTa classifiers as transformers computes them: every switch of their configurations that changes the
arithmetic, on random weights. The form is that of models.py.

    python encoders.py
"""

import json
import math

from golden import Golden  # before all other packages

import torch
from peft import LoraConfig, TaskType, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, DebertaV2Config, DistilBertConfig, EsmConfig
from transformers.models.deberta_v2.modeling_deberta_v2 import build_relative_position

from tiny_models import stored_inputs

SEED = 11
golden = Golden('encoders', SEED, {'float32': 1e-5, 'float64': 1e-12}, packages=('torch', 'transformers', 'safetensors', 'peft'))

SINGLE, REGRESSION, MULTI = 'single_label_classification', 'regression', 'multi_label_classification'

DISTILBERT = {'vocab_size': 31, 'dim': 16, 'n_heads': 2, 'n_layers': 2, 'hidden_dim': 21, 'max_position_embeddings': 20, 'num_labels': 3, 'problem_type': SINGLE}  # fmt: skip

ESM = {'vocab_size': 33, 'mask_token_id': 32, 'pad_token_id': 1, 'hidden_size': 24, 'num_hidden_layers': 2, 'num_attention_heads': 3, 'intermediate_size': 21, 'max_position_embeddings': 26, 'num_labels': 3, 'problem_type': SINGLE, 'layer_norm_eps': 1e-5}  # fmt: skip

DEBERTA = {'vocab_size': 31, 'hidden_size': 16, 'num_hidden_layers': 2, 'num_attention_heads': 2, 'intermediate_size': 21, 'max_position_embeddings': 26, 'num_labels': 3, 'problem_type': SINGLE, 'relative_attention': True, 'pos_att_type': 'p2c|c2p'}  # fmt: skip
V3 = DEBERTA | {'position_buckets': 8, 'share_att_key': True, 'norm_rel_ebd': 'layer_norm', 'position_biased_input': False}

MODELS = {
    'distilbert-gelu': DistilBertConfig(**DISTILBERT),
    'distilbert-relu': DistilBertConfig(**DISTILBERT | {'activation': 'relu', 'n_heads': 4, 'num_labels': 1, 'problem_type': REGRESSION, 'pad_token_id': 3, 'tie_word_embeddings': False}),
    'distilbert-sinusoidal': DistilBertConfig(**DISTILBERT | {'sinusoidal_pos_embds': True, 'activation': 'gelu_new', 'num_labels': 2, 'problem_type': MULTI}),
    # As ESM-2 has it, and as ESM-1b has it; then each switch the other way.
    'esm-2': EsmConfig(**ESM | {'position_embedding_type': 'rotary', 'token_dropout': True, 'emb_layer_norm_before': False}),
    'esm-1b': EsmConfig(**ESM | {'position_embedding_type': 'absolute', 'token_dropout': True, 'emb_layer_norm_before': True, 'num_labels': 1, 'problem_type': REGRESSION}),
    'esm-rotary-norm': EsmConfig(**ESM | {'position_embedding_type': 'rotary', 'rope_theta': 50.0, 'emb_layer_norm_before': True, 'num_attention_heads': 4, 'num_labels': 2, 'problem_type': MULTI}),
    'esm-plain': EsmConfig(**ESM | {'position_embedding_type': 'absolute', 'pad_token_id': 3, 'mask_token_id': 9, 'tie_word_embeddings': False}),
    # As DeBERTa v3 has it, and as v2 XXL has it; then each switch the other way.
    'deberta-v3': DebertaV2Config(**V3),
    'deberta-v2-xxl': DebertaV2Config(**V3 | {'conv_kernel_size': 3, 'conv_act': 'gelu', 'num_labels': 1, 'problem_type': REGRESSION, 'hidden_act': 'gelu_new'}),
    'deberta-conv': DebertaV2Config(**V3 | {'num_hidden_layers': 1, 'conv_kernel_size': 5, 'conv_groups': 4, 'max_relative_positions': 12, 'pooler_hidden_act': 'tanh', 'num_labels': 2, 'problem_type': MULTI}),
    'deberta-own': DebertaV2Config(**DEBERTA | {'max_relative_positions': 6, 'type_vocab_size': 2, 'cls_dropout': 0.3, 'pad_token_id': 3, 'tie_word_embeddings': False}),
    'deberta-c2p': DebertaV2Config(**DEBERTA | {'pos_att_type': ['c2p'], 'position_buckets': 6, 'num_attention_heads': 4, 'norm_rel_ebd': 'none'}),
    'deberta-p2c': DebertaV2Config(**V3 | {'pos_att_type': 'p2c', 'position_buckets': 4, 'max_relative_positions': 20}),
    'deberta-content': DebertaV2Config(**DEBERTA | {'pos_att_type': None, 'norm_rel_ebd': 'layer_norm', 'type_vocab_size': 1}),
    'deberta-absolute': DebertaV2Config(**DEBERTA | {'relative_attention': False, 'embedding_size': 10, 'pooler_hidden_act': 'relu', 'layer_norm_eps': 1e-3}),
}  # fmt: skip

# Models that PEFT adapts: the layers, and what it saves of the head.
ADAPTERS = {'distilbert-gelu': (['q_lin', 'v_lin'], None), 'esm-2': (['query', 'value'], None), 'deberta-v3': (['query_proj', 'value_proj'], ['pooler', 'classifier'])}

# Models that have a head for every token too.
TOKENS = ['distilbert-gelu', 'esm-2', 'deberta-v2-xxl']


def randomise(model):
    """Weights wide enough that attention is far from uniform, scales around 1, biases around 0."""
    for path, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, torch.nn.LayerNorm) and name == 'weight':
                parameter.data.normal_(1, 0.3)
            elif parameter.ndim == 1:
                parameter.data.normal_(0, 0.3)
            elif isinstance(module, torch.nn.Embedding):
                if not (getattr(model.config, 'sinusoidal_pos_embds', False) and path.endswith('position_embeddings')):
                    parameter.data.normal_(0, 1)
            else:
                parameter.data.normal_(0, 1 / math.sqrt(parameter[0].numel()))


def tokens(config, lengths, side):
    """Rows of random ids with pads on one side; the pad id does not occur inside a text."""
    pad = config.pad_token_id
    ids = torch.full((len(lengths), max(lengths)), pad, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        text = torch.randint(4, config.vocab_size, (length,))
        place = slice(0, length) if side == 'right' else slice(max(lengths) - length, max(lengths))
        if getattr(config, 'token_dropout', False) and length > 1:
            text[1::3] = config.mask_token_id
        ids[row, place] = text
        mask[row, place] = 1
    return ids, mask


def labels(config, rows):
    """Integer labels for single_label_classification, floats for the other problem types."""
    if config.problem_type == MULTI:
        return torch.randint(0, 2, (rows, config.num_labels)).float()
    if config.problem_type == REGRESSION:
        return torch.randn(rows) if config.num_labels == 1 else torch.randn(rows, config.num_labels)
    return torch.randint(0, config.num_labels, (rows,))


def inputs_of(config):
    """The batches of a model: { id: inputs }."""
    made = {}
    lengths = [21, 1, 13] if config.model_type == 'deberta-v2' else [9, 1, 4]
    for side in ('right', 'left'):
        ids, mask = tokens(config, lengths, side)
        made[f'{side}-padding'] = {'input_ids': ids, 'attention_mask': mask, 'labels': labels(config, 3)}
    if getattr(config, 'type_vocab_size', 0) > 0:
        types = torch.randint(0, config.type_vocab_size, made['right-padding']['input_ids'].shape)
        made['right-padding']['token_type_ids'] = types
    ids, mask = tokens(config, [1], 'right')
    made['one-token'] = {'input_ids': ids, 'attention_mask': mask, 'labels': labels(config, 1)}
    return made


def run(model, file, id, inputs, dtype):
    name = str(dtype).split('.')[1]
    key = f'{id}.{name}'
    case = {'id': id, 'dtype': name, 'inputs': stored_inputs(golden, key, inputs, file)}
    feed = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    model.zero_grad()
    result = model(**feed, output_hidden_states=True)
    assert result.logits.dtype == dtype
    result.loss.backward()
    case['logits'] = golden.tensor(f'{key}.logits', result.logits, file)
    case['loss'] = golden.tensor(f'{key}.loss', result.loss, file)
    if id != 'one-token':
        case['hiddenStates'] = golden.tensors(f'{key}.hiddenStates', result.hidden_states, file)
    case['gradients'], case['negligibleGradients'] = {}, []
    given = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    largest = max(gradient.abs().max() for gradient in given.values())
    for parameter, gradient in given.items():
        # The softmax is blind to the key's bias, and to everything of the query where there is one token: rounding is all that is left.
        if gradient.abs().max() < 1e-6 * largest:
            case['negligibleGradients'].append(parameter)
        elif (id == 'right-padding' and dtype == torch.float64) or parameter.startswith('classifier') or 'word_embeddings' in parameter:
            case['gradients'][parameter] = golden.tensor(f'{key}.gradients.{parameter}', gradient, file)
    return case


def adapter(name, path, inputs, targets, modules):
    """A folder that PEFT writes for the model, with the logits it gives."""
    torch.manual_seed(SEED)
    model = AutoModelForSequenceClassification.from_pretrained(path, dtype=torch.float64)
    settings = LoraConfig(task_type=TaskType.SEQ_CLS, r=2, lora_alpha=4, target_modules=targets, modules_to_save=modules, use_dora=True)
    model = get_peft_model(model, settings).eval()
    for parameter_name, parameter in model.named_parameters():
        if 'lora_' in parameter_name or 'modules_to_save' in parameter_name:
            parameter.data.add_(torch.randn_like(parameter) * 0.2)
    folder = golden.folder / name / 'adapter'
    model.save_pretrained(folder)
    (folder / 'README.md').unlink()
    config = json.loads((folder / 'adapter_config.json').read_text())
    (folder / 'adapter_config.json').write_text(json.dumps(config | {'base_model_name_or_path': f'{name}/model', 'target_modules': targets}, indent=2) + '\n')
    for written in folder.iterdir():
        golden.wrote(written)
    feed = {k: v for k, v in inputs.items() if k != 'labels'}
    logits = golden.tensor('adapter.logits', model(**feed).logits, f'{name}/tensors.safetensors')
    return {'inputs': 'right-padding', 'logits': logits, 'targetModules': sorted(targets)}


def tiny(name, config):
    config.architectures = None
    torch.manual_seed(SEED)
    model = AutoModelForSequenceClassification.from_config(config).eval()
    randomise(model)
    path = golden.folder / name / 'model'
    model.save_pretrained(path)
    for written in path.iterdir():
        golden.wrote(written)
    file = f'{name}/tensors.safetensors'
    cases = []
    for dtype in (torch.float64, torch.float32):
        torch.manual_seed(SEED)
        model = AutoModelForSequenceClassification.from_pretrained(path, dtype=dtype, attn_implementation='eager').eval()
        cases += [run(model, file, id, inputs, dtype) for id, inputs in inputs_of(config).items() if id == 'right-padding' or dtype == torch.float64]
    head = {'model': name}
    if name in ADAPTERS:
        torch.manual_seed(SEED)
        head['adapter'] = adapter(name, path, inputs_of(config)['right-padding'], *ADAPTERS[name])
    golden.json(f'{name}/cases.json', head | {'cases': cases})


def tokens_of(name, config):
    """The same with a head for every token: labels on some tokens, -100 on the others and on all padding."""
    config.architectures, config.problem_type, config.num_labels = None, None, 5
    torch.manual_seed(SEED)
    model = AutoModelForTokenClassification.from_config(config).eval()
    randomise(model)
    path = golden.folder / f'{name}-tokens' / 'model'
    model.save_pretrained(path)
    for written in path.iterdir():
        golden.wrote(written)
    cases = []
    for dtype in (torch.float64, torch.float32):
        torch.manual_seed(SEED)
        model = AutoModelForTokenClassification.from_pretrained(path, dtype=dtype, attn_implementation='eager').eval()
        ids, mask = tokens(config, [7, 1, 4], 'right')
        chosen = torch.where(torch.rand(ids.shape) < 0.7, torch.randint(0, 5, ids.shape), -100)
        inputs = {'input_ids': ids, 'attention_mask': mask, 'labels': torch.where(mask == 1, chosen, -100)}
        cases.append(run(model, f'{name}-tokens/tensors.safetensors', 'right-padding', inputs, dtype))
    golden.json(f'{name}-tokens/cases.json', {'model': name, 'cases': cases})


def buckets():
    """The bucket of each distance, from 0 on, in texts as long as DeBERTa's may be."""
    pairs = [(256, 512), (32, 128), (8, 26), (7, 100), (2, 50), (256, 300)]
    distances = [build_relative_position(torch.zeros(600, 1), torch.zeros(600, 1), bucket_size=size, max_position=largest)[0, :, 0].tolist() for size, largest in pairs]
    return [{'positionBuckets': size, 'maxRelativePositions': largest, 'buckets': values} for (size, largest), values in zip(pairs, distances)]


for name, config in MODELS.items():
    tiny(name, config)
for name in TOKENS:
    tokens_of(name, MODELS[name])
golden.json('tokens.json', TOKENS)
golden.json('buckets.json', {'cases': buckets()})
golden.json('index.json', list(MODELS))
golden.finish()
