"""Tiny BERT and RoBERTa token classifiers as transformers computes them: writes test/golden/token_models/.

Every parameter is random, LayerNorms and biases too, so that a swapped or skipped one shows. Apart from models.py, whose
folder is of classifiers of whole texts.
"""

from golden import Golden  # before all other packages

import torch
from transformers import AutoModelForTokenClassification, BertConfig, RobertaConfig

from tiny_models import randomise, stored_inputs

SEED = 11
golden = Golden('token_models', SEED, {'float32': 1e-5, 'float64': 1e-12}, packages=('torch', 'transformers', 'safetensors'))

SHARED = {'hidden_dropout_prob': 0.1, 'attention_probs_dropout_prob': 0.1, 'num_hidden_layers': 2, 'attn_implementation': 'eager', 'vocab_size': 31, 'hidden_size': 16, 'max_position_embeddings': 40}
TAGS = ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC']
MODELS = {
    'bert': BertConfig(**SHARED, num_attention_heads=4, intermediate_size=21, hidden_act='gelu', classifier_dropout=0.3),
    'roberta': RobertaConfig(**SHARED, num_attention_heads=2, intermediate_size=29, hidden_act='gelu', layer_norm_eps=1e-5, type_vocab_size=1),
}  # fmt: skip


def batch(config, lengths, side):
    """Random ids with pads on one side; labels on some of the tokens, -100 on the others and on all padding."""
    width = max(lengths)
    ids = torch.full((len(lengths), width), config.pad_token_id, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for row, length in enumerate(lengths):
        place = slice(0, length) if side == 'right' else slice(width - length, width)
        ids[row, place] = torch.randint(4, config.vocab_size, (length,))
        mask[row, place] = 1
        chosen = torch.where(torch.rand(length) < 0.6, torch.randint(0, len(TAGS), (length,)), -100)
        chosen[0] = row
        labels[row, place] = chosen
    return {'input_ids': ids, 'attention_mask': mask, 'labels': labels}


cases = []
for name, config in MODELS.items():
    config.id2label = dict(enumerate(TAGS))
    config.label2id = {tag: i for i, tag in enumerate(TAGS)}
    model = AutoModelForTokenClassification.from_config(config).eval()
    randomise(model)
    path = golden.folder / name
    model.save_pretrained(path)
    for file in path.iterdir():
        golden.wrote(file)
    for dtype in (torch.float64, torch.float32):
        torch.manual_seed(SEED)
        model = AutoModelForTokenClassification.from_pretrained(path, dtype=dtype, attn_implementation='eager').eval()
        for id, lengths, side in (('right-padding', [9, 1, 4], 'right'), ('left-padding', [3, 8], 'left'), ('one-text', [7], 'right')):
            inputs = batch(config, lengths, side)
            key = f'{name}.{id}.{str(dtype).split(".")[1]}'
            model.zero_grad()
            result = model(**inputs, output_hidden_states=True)
            result.loss.backward()
            assert result.loss.dtype == dtype
            case = {
                'id': id,
                'model': name,
                'dtype': str(dtype).split('.')[1],
                'inputs': stored_inputs(golden, key, inputs),
                'logits': golden.tensor(f'{key}.logits', result.logits),
                'loss': golden.tensor(f'{key}.loss', result.loss),
                'hiddenStates': golden.tensors(f'{key}.hiddenStates', result.hidden_states),
                'gradients': {},
                'negligibleGradients': [],
            }
            largest = max(p.grad.abs().max() for p in model.parameters() if p.grad is not None)
            for parameter, value in model.named_parameters():
                # The softmax is blind to the key's bias: rounding is all that is left.
                if value.grad.abs().max() < 1e-6 * largest:
                    case['negligibleGradients'].append(parameter)
                elif dtype == torch.float64 or 'classifier' in parameter:
                    case['gradients'][parameter] = golden.tensor(f'{key}.gradients.{parameter}', value.grad)
            cases.append(case)
golden.json('cases.json', {'labels': TAGS, 'cases': cases})
golden.finish()
