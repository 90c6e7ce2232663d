"""Tiny GPT-2 as transformers computes it, as a language model and as a classifier: every switch of the configuration that
changes the arithmetic, padding on both sides with positions counted from the mask, as `generate` counts them.

Every parameter is random, layer norms and biases too, so that a swapped or skipped one shows.
"""

from golden import Golden  # before all other packages

import math

import torch
from transformers import GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel

from tiny_models import stored_inputs

SEED = 29
golden = Golden('gpt2', SEED, {'float32': 1e-5, 'float64': 1e-12}, packages=('torch', 'transformers', 'safetensors'))

SHARED = {'vocab_size': 31, 'n_positions': 24, 'n_embd': 16, 'n_layer': 2, 'n_head': 4, 'bos_token_id': 30, 'eos_token_id': 30, 'attn_implementation': 'eager'}
MODELS = {
    'lm': (GPT2LMHeadModel, {}),
    'lm-untied': (GPT2LMHeadModel, {'tie_word_embeddings': False, 'n_inner': 21, 'activation_function': 'relu', 'layer_norm_epsilon': 1e-3, 'n_head': 2}),
    'lm-unscaled': (GPT2LMHeadModel, {'scale_attn_weights': False, 'activation_function': 'gelu'}),
    'lm-inverse-layer': (GPT2LMHeadModel, {'scale_attn_by_inverse_layer_idx': True, 'n_layer': 3, 'activation_function': 'silu', 'eos_token_id': [29, 30]}),
    'lm-upcast': (GPT2LMHeadModel, {'reorder_and_upcast_attn': True, 'scale_attn_by_inverse_layer_idx': True, 'n_head': 1}),
    'classes': (GPT2ForSequenceClassification, {'num_labels': 3, 'problem_type': 'single_label_classification', 'pad_token_id': 0}),
    'regression': (GPT2ForSequenceClassification, {'num_labels': 1, 'problem_type': 'regression', 'pad_token_id': 30, 'activation_function': 'gelu_pytorch_tanh'}),
    'several': (GPT2ForSequenceClassification, {'num_labels': 3, 'problem_type': 'multi_label_classification', 'pad_token_id': 1, 'n_inner': 40}),
    'no-pad': (GPT2ForSequenceClassification, {'num_labels': 2, 'problem_type': 'single_label_classification'}),
}  # fmt: skip


def randomise(model):
    """Weights wide enough that attention is far from uniform, scales around 1, biases around 0."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if '.ln_' in name and name.endswith('weight'):
                parameter.normal_(1, 0.3)
            elif parameter.ndim == 1:
                parameter.normal_(0, 0.3)
            elif 'wte' in name or 'wpe' in name:
                parameter.normal_(0, 1)
            else:
                parameter.normal_(0, 1 / math.sqrt(parameter.shape[0]))


def tokens(config, lengths, side, width):
    """Rows of random ids with padding on one side, of the pad token where there is one; it does not occur in a text."""
    pad = config.pad_token_id or 0
    ids = torch.full((len(lengths), width), pad)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        place = slice(0, length) if side == 'right' else slice(width - length, width)
        ids[row, place] = torch.randint(2, config.vocab_size - 2, (length,))
        mask[row, place] = 1
    return ids, mask


def labels(config, ids, mask, language):
    if language:
        kept = ids.masked_fill(mask == 0, -100)
        kept[:, ids.shape[1] // 2] = -100  # a prompt's token, which counts for nothing
        kept[range(len(ids)), mask.argmax(1)] = -100  # nothing precedes a first token but padding
        return kept
    rows = len(ids)
    if config.problem_type == 'regression':
        return torch.randn(rows)
    if config.problem_type == 'multi_label_classification':
        return torch.randint(0, 2, (rows, config.num_labels)).float()
    return torch.randint(0, config.num_labels, (rows,))


def inputs_of(config, language):
    made = {}
    one = config.pad_token_id is None and not language
    for id, lengths, side, width in (
        ('right-padding', [9, 1, 4], 'right', 9),
        ('left-padding', [9, 2, 4], 'left', 9),
        ('no-padding', [1] if one else [7, 7], 'right', 1 if one else 7),
        ('one-text', [6], 'right', 6),
    ):
        if one and len(lengths) > 1:
            continue
        ids, mask = tokens(config, lengths, side, width)
        made[id] = {'input_ids': ids, 'attention_mask': mask, 'labels': labels(config, ids, mask, language)}
    return made


def run(model, name, id, inputs, dtype):
    precision = str(dtype).split('.')[1]
    key = f'{name}.{id}.{precision}'
    feed = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    mask = inputs['attention_mask']
    positions = (mask.cumsum(-1) - 1).masked_fill(mask == 0, 0)
    model.zero_grad()
    result = model(**feed, position_ids=positions, output_hidden_states=True)
    loss = result.loss
    if isinstance(model, GPT2LMHeadModel) and dtype == torch.float64:
        # transformers takes the logits to float32 first, whatever they are.
        loss = torch.nn.functional.cross_entropy(result.logits[:, :-1].flatten(0, 1), inputs['labels'][:, 1:].flatten())
        torch.testing.assert_close(loss.float(), result.loss)
    loss.backward()
    gradients, negligible = {}, []
    largest = max(p.grad.abs().max() for p in model.parameters() if p.grad is not None)
    for parameter, value in model.named_parameters():
        # The softmax is blind to the key's bias, which lies in the middle of c_attn's.
        if value.grad is None or value.grad.abs().max() < 1e-6 * largest:
            negligible.append(parameter)
        elif dtype == torch.float64 and id == 'left-padding' or any(part in parameter for part in ('wte', 'h.1.attn.c_attn.bias', 'ln_f', 'score')):
            gradients[parameter] = golden.tensor(f'{key}.gradients.{parameter}', value.grad)
    return {
        'model': name,
        'id': id,
        'dtype': precision,
        'inputs': stored_inputs(golden, key, inputs),
        'logits': golden.tensor(f'{key}.logits', result.logits),
        'hiddenStates': golden.tensors(f'{key}.hiddenStates', result.hidden_states),
        'loss': golden.tensor(f'{key}.loss', loss),
        'gradients': gradients,
        'negligibleGradients': negligible,
    }


cases = []
for name, (kind, options) in MODELS.items():
    model = kind(GPT2Config(**SHARED | options)).eval()
    randomise(model)
    path = golden.folder / name
    model.save_pretrained(path)
    (path / 'generation_config.json').unlink(missing_ok=True)
    for file in path.iterdir():
        golden.wrote(file)
    config = model.config
    language = kind is GPT2LMHeadModel
    for dtype in (torch.float64, torch.float32):
        torch.manual_seed(SEED)
        model = kind.from_pretrained(path, dtype=dtype, attn_implementation='eager').eval()
        if dtype == torch.float64:
            for block in model.transformer.h:
                block.attn.reorder_and_upcast_attn = False  # transformers raises here; a wide type has nothing to gain
        cases += [run(model, name, id, inputs, dtype) for id, inputs in inputs_of(config, language).items()]
golden.json('cases.json', {'cases': cases})
golden.finish()
