"""Writes onnx/model.onnx (float32) and onnx/model_quantized.onnx (int8, dynamic) beside a checkpoint, as transformers.js
looks for them. Argument: folder. onnx, onnxscript and onnxruntime come from PYTHONPATH."""

import os
import sys

os.environ.setdefault('HF_HUB_OFFLINE', '1')

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModelForSequenceClassification, AutoTokenizer

NAMES = ['input_ids', 'attention_mask', 'token_type_ids']


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits


folder = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation='sdpa').eval()
example = tokenizer(['a fine film', 'what a dull and overlong thing it is'], return_tensors='pt', padding=True)
sizes = {0: torch.export.Dim('batch', min=1, max=1024), 1: torch.export.Dim('seq', min=2, max=512)}
os.makedirs(f'{folder}/onnx', exist_ok=True)
torch.onnx.export(
    Logits(model),
    tuple(example[name] for name in NAMES),
    f'{folder}/onnx/model.onnx',
    input_names=NAMES,
    output_names=['logits'],
    dynamic_shapes={name: sizes for name in NAMES},
    dynamo=True,
    external_data=False,
    verbose=False,
)
quantize_dynamic(f'{folder}/onnx/model.onnx', f'{folder}/onnx/model_quantized.onnx', weight_type=QuantType.QInt8)
