"""Tiny BERT and RoBERTa classifiers as transformers computes them; MiniLM too, where its folder is given.

    python models.py [FOLDER OF all-MiniLM-L6-v2]

Every parameter is random, LayerNorms and biases too, so that a swapped or skipped one shows.
"""

import hashlib
import sys
from pathlib import Path

from golden import Golden  # before all other packages

import torch
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForSequenceClassification, BertConfig, RobertaConfig

from tiny_models import randomise, stored_inputs

SEED = 7
golden = Golden(
    'models', SEED, {'float32': 1e-5, 'float64': 1e-12}, packages=('torch', 'transformers', 'safetensors', 'tokenizers'), keep=['minilm/cases.json', 'minilm/tensors.safetensors']
)

SHARED = {'hidden_dropout_prob': 0.1, 'attention_probs_dropout_prob': 0.1, 'num_hidden_layers': 2, 'attn_implementation': 'eager'}
MODELS = {
    # Room for 512 tokens in the first of each kind; the others are small enough to keep the gradient of every parameter.
    'bert-gelu': BertConfig(**SHARED, vocab_size=48, hidden_size=24, num_attention_heads=3, intermediate_size=37, max_position_embeddings=520, hidden_act='gelu', num_labels=2, problem_type='single_label_classification'),
    'bert-gelu-new': BertConfig(**SHARED, vocab_size=31, hidden_size=16, num_attention_heads=4, intermediate_size=29, max_position_embeddings=40, hidden_act='gelu_new', num_labels=1, problem_type='regression', layer_norm_eps=1e-5, classifier_dropout=0.3),
    'bert-relu': BertConfig(**SHARED, vocab_size=31, hidden_size=16, num_attention_heads=2, intermediate_size=21, max_position_embeddings=40, hidden_act='relu', num_labels=3, problem_type='multi_label_classification', type_vocab_size=1, pad_token_id=3, tie_word_embeddings=False),
    'bert-silu': BertConfig(**SHARED, vocab_size=31, hidden_size=16, num_attention_heads=1, intermediate_size=21, max_position_embeddings=40, hidden_act='silu', num_labels=3, problem_type='regression', type_vocab_size=3),
    'roberta-gelu': RobertaConfig(**SHARED, vocab_size=48, hidden_size=24, num_attention_heads=4, intermediate_size=37, max_position_embeddings=520, hidden_act='gelu', num_labels=3, problem_type='single_label_classification', layer_norm_eps=1e-5, type_vocab_size=1),
    'roberta-tanh': RobertaConfig(**SHARED, vocab_size=31, hidden_size=16, num_attention_heads=2, intermediate_size=29, max_position_embeddings=40, hidden_act='gelu_pytorch_tanh', num_labels=1, type_vocab_size=2, classifier_dropout=0.0, tie_word_embeddings=False),
    'roberta-relu': RobertaConfig(**SHARED, vocab_size=31, hidden_size=16, num_attention_heads=2, intermediate_size=21, max_position_embeddings=40, hidden_act='relu', num_labels=2, problem_type='multi_label_classification', type_vocab_size=1),
}  # fmt: skip
LONG = {'bert-gelu', 'roberta-gelu'}


def tokens(config, lengths, side, width):
    """Rows of random ids with pads on one side; the pad id does not occur inside a text."""
    pad = config.pad_token_id
    ids = torch.full((len(lengths), width), pad, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        text = torch.randint(4, config.vocab_size, (length,))
        place = slice(0, length) if side == 'right' else slice(width - length, width)
        ids[row, place] = text
        mask[row, place] = 1
    return ids, mask


def labels(config, rows):
    """Integer labels for single_label_classification, floats for the other problem types."""
    if config.num_labels == 1:
        return torch.randn(rows)
    if config.problem_type == 'multi_label_classification':
        return torch.randint(0, 2, (rows, config.num_labels)).float()
    if config.problem_type == 'regression':
        return torch.randn(rows, config.num_labels)
    return torch.randint(0, config.num_labels, (rows,))


def inputs_of(config):
    """The batches of a model: { id: inputs }."""
    made = {}
    for side in ('right', 'left'):
        ids, mask = tokens(config, [9, 1, 4], side, 9)
        made[f'{side}-padding'] = {'input_ids': ids, 'attention_mask': mask, 'labels': labels(config, 3)}
    ids, mask = tokens(config, [7, 5], 'right', 7)
    types = torch.zeros_like(ids)
    if config.type_vocab_size > 1:
        types[0, 3:] = 1
        types[1, 2:5] = config.type_vocab_size - 1
    made['pair'] = {'input_ids': ids, 'attention_mask': mask, 'token_type_ids': types, 'labels': labels(config, 2)}
    ids, mask = tokens(config, [1], 'right', 1)
    made['one-token'] = {'input_ids': ids, 'attention_mask': mask, 'labels': labels(config, 1)}
    return made


def long_input(config):
    ids, mask = tokens(config, [512, 380], 'right', 512)
    return {'input_ids': ids, 'attention_mask': mask, 'labels': labels(config, 2)}


SELECTED = ('word_embeddings.weight', 'layer.0.attention.self.query.weight', 'layer.1.attention.self.value.bias', 'layer.1.output.dense.bias', 'layer.0.attention.output.LayerNorm.weight', 'classifier')  # fmt: skip


class Folder:
    """cases.json and tensors.safetensors of one model."""

    def __init__(self, name):
        self.name = name
        self.file = f'{name}/tensors.safetensors'
        self.cases = []

    def tensor(self, key, value):
        return golden.tensor(key, value, self.file)

    def inputs(self, id, inputs):
        return stored_inputs(golden, id, inputs, self.file)

    def write(self, **head):
        golden.json(f'{self.name}/cases.json', {'model': self.name, **head, 'cases': self.cases})


def run(model, folder, id, inputs, dtype, whole, everything):
    name = str(dtype).split('.')[1]
    key = f'{id}.{name}'
    case = {'id': id, 'dtype': name, 'inputs': folder.inputs(key, inputs)}
    feed = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    model.zero_grad()
    result = model(**feed, output_hidden_states=True)
    result.loss.backward()
    case['logits'] = folder.tensor(f'{key}.logits', result.logits)
    case['loss'] = folder.tensor(f'{key}.loss', result.loss)
    assert result.loss.dtype == dtype
    if whole:
        case['hiddenStates'] = golden.tensors(f'{key}.hiddenStates', result.hidden_states, folder.file)
    else:
        width = inputs['input_ids'].shape[1]
        positions = [[row, at] for row in range(len(inputs['input_ids'])) for at in (0, 1, 100, 255, 256, 379, 380, width - 1)]
        rows, ats = zip(*positions)
        case['lastHiddenRows'] = {'positions': positions, 'values': folder.tensor(f'{key}.lastHiddenRows', result.hidden_states[-1][list(rows), list(ats)])}
    case['gradients'], case['negligibleGradients'] = {}, []
    largest = max(p.grad.abs().max() for p in model.parameters() if p.grad is not None)
    for parameter, value in model.named_parameters():
        if value.grad is None or not (everything or any(part in parameter for part in SELECTED)):
            continue
        # The softmax is blind to the key's bias, and to everything of the query where there is one token: rounding is all that is left.
        if value.grad.abs().max() < 1e-6 * largest:
            case['negligibleGradients'].append(parameter)
        else:
            case['gradients'][parameter] = folder.tensor(f'{key}.gradients.{parameter}', value.grad)
    folder.cases.append(case)


def sdpa_agrees(name, model, inputs):
    """The fused attention that users run gives the same numbers as the eager one."""
    feed = {k: v for k, v in inputs.items() if k != 'labels'}
    eager = model(**feed).logits
    model.set_attn_implementation('sdpa')
    torch.testing.assert_close(model(**feed).logits, eager, rtol=1e-11, atol=1e-12, msg=lambda m: f'{name}: {m}')
    model.set_attn_implementation('eager')


def tiny(name, config):
    config.architectures = None
    model = AutoModelForSequenceClassification.from_config(config).eval()
    randomise(model)
    path = golden.folder / name / 'model'
    model.save_pretrained(path)
    for file in path.iterdir():
        golden.wrote(file)
    folder = Folder(name)
    for dtype in (torch.float64, torch.float32):
        torch.manual_seed(SEED)
        model = AutoModelForSequenceClassification.from_pretrained(path, dtype=dtype, attn_implementation='eager').eval()
        for id, inputs in inputs_of(config).items():
            everything = name not in LONG and id == 'left-padding' and dtype == torch.float64
            run(model, folder, id, inputs, dtype, True, everything)
            if dtype == torch.float64:
                sdpa_agrees(name, model, inputs)
        if name in LONG:
            run(model, folder, '512-tokens', long_input(config), dtype, False, False)
    folder.write()


TEXTS = [
    'A film that is as quiet as it is moving.',
    'Dear Sir, your invoice no. 4711 (EUR 1,234.56) is overdue; please pay by 31 March!',
    'naïve café — 東京 🙂 \u201cquoted\u201d',
    'no',
    'The Gram matrix of unit columns has ones on its diagonal, so only the entries off the diagonal count.',
    'unbelievably hyperparameterised tokenisation of antidisestablishmentarianism',
]


def minilm(source):
    weights = hashlib.sha256((source / 'model.safetensors').read_bytes()).hexdigest()
    tokenizer = Tokenizer.from_file(str(source / 'tokenizer.json'))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(TEXTS)
    inputs = {
        'input_ids': torch.tensor([e.ids for e in encoded]),
        'attention_mask': torch.tensor([e.attention_mask for e in encoded]),
        'token_type_ids': torch.tensor([e.type_ids for e in encoded]),
    }
    folder = Folder('minilm')
    for dtype in (torch.float64, torch.float32):
        model = AutoModel.from_pretrained(source, dtype=dtype, attn_implementation='eager').eval()
        name = str(dtype).split('.')[1]
        with torch.no_grad():
            hidden = model(**inputs).last_hidden_state
        keep = inputs['attention_mask'].unsqueeze(-1).to(dtype)
        folder.cases.append({
            'id': f'texts-{name}',
            'dtype': name,
            'inputs': folder.inputs(name, inputs),
            'cls': folder.tensor(f'{name}.cls', hidden[:, 0]),
            'meanPooled': folder.tensor(f'{name}.meanPooled', (hidden * keep).sum(1) / keep.sum(1)),
            'hiddenState': {'text': 0, 'values': folder.tensor(f'{name}.hiddenState', hidden[0, : int(keep[0].sum())])},
        })
    folder.write(texts=TEXTS, weightsSha256=weights)


for name, config in MODELS.items():
    tiny(name, config)
if len(sys.argv) > 1:
    golden.keep = set()
    minilm(Path(sys.argv[1]))
golden.json('index.json', list(MODELS))
golden.finish()
