"""The same with transformers in Python: float32, SDPA, inference mode, padding by batch. Arguments: folder, threads."""

import json
import os
import sys
import time

os.environ.setdefault('HF_HUB_OFFLINE', '1')
os.environ.setdefault('TRANSFORMERS_VERBOSITY', 'error')
os.environ.setdefault('HF_HUB_DISABLE_PROGRESS_BARS', '1')

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation='sdpa').eval()


def predict(texts):
    inputs = tokenizer(texts, return_tensors='pt', padding=True, truncation=True, max_length=128)
    with torch.inference_mode():
        logits = model(**inputs).logits
    return (logits[:, 1] - logits[:, 0]).tolist()


def say(value):
    print(json.dumps(value), flush=True)


say({'ready': True, 'odds': predict(['a fine film'])})
for line in sys.stdin:
    if line.strip() == 'quit':
        break
    question = json.loads(line)
    seconds = []
    if 'each' in question:
        for text in question['each']:
            start = time.perf_counter()
            predict([text])
            seconds.append(time.perf_counter() - start)
        say({'seconds': seconds})
    else:
        # As somebody does it who knows that padding costs: by length, 32 at a time.
        texts = question['all']
        start = time.perf_counter()
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        odds = [0.0] * len(texts)
        for first in range(0, len(order), 32):
            places = order[first : first + 32]
            for place, value in zip(places, predict([texts[p] for p in places])):
                odds[place] = value
        say({'seconds': [time.perf_counter() - start], 'odds': odds})
