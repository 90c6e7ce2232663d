"""What transformers' `generate` answers with the tiny language models of gpt2.py (run that first): greedily and with beams,
under every option that this library has, in batches padded on the left; and the probabilities that it would draw from."""

from golden import COMMITTED, Golden  # before all other packages

import random

import torch
from transformers import AutoModelForCausalLM

SEED = 37
golden = Golden('generation', SEED, {'float64': 1e-6}, packages=('torch', 'transformers'))
random.seed(SEED)

BATCHES = [
    [[5, 9, 2, 5, 9], [7], [12, 3, 3]],
    [[4, 8, 15, 16, 23, 2, 4, 8]],
    [[21, 22], [1, 1, 1, 1, 1, 1, 1], [28, 2], [9, 17, 9]],
]


def padded(batch, pad):
    """The padding is an ending token, as users of GPT-2 have it: another would count in n-grams, which ours does not."""
    width = max(map(len, batch))
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in batch])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in batch])
    return {'input_ids': ids, 'attention_mask': mask}


def camel(name):
    first, *rest = name.split('_')
    return first + ''.join(part.capitalize() for part in rest)


def told(options):
    """The options by the names of this library."""
    return {camel(name): value for name, value in options.items()}


def answers(model, batch, options):
    eos = options['eos_token_id']
    inputs = padded(batch, eos[0])
    result = model.generate(**inputs, do_sample=False, pad_token_id=eos[0], **options)
    rows = []
    for row in result[:, inputs['input_ids'].shape[1] :].tolist():
        ends = [at for at, token in enumerate(row) if token in eos]
        rows.append(row[: ends[0] + 1] if ends else row)
    return rows


def endings(batch):
    """Ending tokens that no prompt has: as padding they would make n-grams with it."""
    chosen = random.choice([[30], [3, 11], [2, 7, 19], [random.randrange(31) for _ in range(6)], random.sample(range(31), 14)])
    return [token for token in dict.fromkeys(chosen) if all(token not in row for row in batch)] or [30]


def common(batch):
    return random.choice([{}, {'min_new_tokens': 3}, {'min_length': 11}]) | {
        'max_new_tokens': random.choice([5, 9, 14]),
        'no_repeat_ngram_size': random.choice([0, 0, 2, 3]),
        'repetition_penalty': random.choice([1.0, 1.0, 1.3, 0.8]),
        'eos_token_id': endings(batch),
    }


def beams():
    return {'num_beams': random.choice([2, 3, 4]), 'length_penalty': random.choice([1.0, 0.0, 2.0, 4.0, -1.0]), 'early_stopping': random.choice([False, True, 'never'])}


models = {name: AutoModelForCausalLM.from_pretrained(COMMITTED / 'gpt2' / name, dtype=torch.float64).eval() for name in ('lm', 'lm-untied', 'lm-inverse-layer')}
cases = []
ended = 0
for i in range(130):
    name = random.choice(list(models))
    batch = random.choice(BATCHES)
    options = common(batch) | (beams() if i >= 40 else {})
    got = answers(models[name], batch, options)
    ended += sum(row[-1] in options['eos_token_id'] for row in got)
    cases.append({'model': name, 'prompts': batch, 'options': told(options), 'answers': got})
assert 80 < ended < 240, ended  # both ways of ending are there

# Where the two ways of not stopping early part, and where most ways on are endings.
parted = 0
while parted < 4:
    batch = random.choice(BATCHES)
    options = {'max_new_tokens': 16, 'eos_token_id': endings(batch), 'num_beams': 2, 'length_penalty': random.choice([1.0, 2.0, 4.0])}
    name = random.choice(list(models))
    both = [answers(models[name], batch, options | {'early_stopping': early}) for early in (False, 'never')]
    if both[0] == both[1]:
        continue
    parted += 1
    for early, got in zip((False, 'never'), both):
        cases.append({'model': name, 'prompts': batch, 'options': told(options | {'early_stopping': early}), 'answers': got})
for _ in range(8):
    batch = [[5, 9], [7, 5, 5]]
    options = {'max_new_tokens': 9, 'eos_token_id': [token for token in range(31) if token not in (5, 7, 9) and random.random() < 0.93], 'num_beams': 2, 'length_penalty': 4.0, 'early_stopping': 'never'}
    cases.append({'model': 'lm', 'prompts': batch, 'options': told(options), 'answers': answers(models['lm'], batch, options)})
# Where it counts that as many ways on are kept as there are endings for every beam, and one more.
for name, prompt, options in [
    ('lm-untied', [7, 5, 5], {'max_new_tokens': 9, 'num_beams': 2, 'length_penalty': 4.0, 'early_stopping': 'never', 'eos_token_id': [0, 1, 8, 9, 12, 16, 24, 26, 27]}),
    ('lm-untied', [9, 17, 9], {'max_new_tokens': 9, 'num_beams': 2, 'length_penalty': 1.0, 'early_stopping': 'never', 'eos_token_id': [token for token in range(29) if token not in (4, 6, 9, 17, 23)]}),
    ('lm', [21, 22], {'max_new_tokens': 16, 'num_beams': 4, 'length_penalty': 4.0, 'early_stopping': 'never', 'eos_token_id': [token for token in range(31) if token not in (5, 16, 21, 22)]}),
]:  # fmt: skip
    cases.append({'model': name, 'prompts': [prompt], 'options': told(options), 'answers': answers(models[name], [prompt], options)})

draws = []
for i in range(30):
    name = random.choice(list(models))
    batch = random.choice(BATCHES)
    options = {'temperature': random.choice([1.0, 0.6, 1.7]), 'top_k': random.choice([0, 4, 12]), 'top_p': random.choice([1.0, 0.9, 0.5]), 'repetition_penalty': random.choice([1.0, 1.4]), 'no_repeat_ngram_size': random.choice([0, 2]), 'min_new_tokens': random.choice([0, 1]), 'eos_token_id': endings(batch)}  # fmt: skip
    pad = options['eos_token_id'][0]
    result = models[name].generate(**padded(batch, pad), do_sample=True, pad_token_id=pad, max_new_tokens=1, output_scores=True, output_logits=True, return_dict_in_generate=True, **options)
    draws.append({
        'model': name,
        'prompts': batch,
        'options': told(options),
        'logits': golden.tensor(f'{i}.logits', result.logits[0]),
        'probabilities': golden.tensor(f'{i}.probabilities', result.scores[0].double().softmax(-1)),
    })
golden.json('cases.json', {'cases': cases, 'draws': draws})
golden.finish()
