"""LoRA and DoRA adapters as PEFT saves them, on two of the tiny models (run models.py first): folders, logits before and
after merging, gradients. Biases, factors, magnitudes and the head are random, so that nothing is at its start."""

from golden import COMMITTED, Golden  # first: it makes `peft` mean the package

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from tiny_models import file_name, save_adapter, stored_inputs, three_texts

SEED = 17
golden = Golden('peft', SEED, {'float32': 1e-5, 'float64': 1e-12}, packages=('torch', 'transformers', 'peft'))

ADAPTERS = {
    'bert-lora': ('bert-gelu', {}),
    'bert-dora': ('bert-gelu', {'use_dora': True, 'target_modules': ['query', 'value', 'intermediate.dense']}),
    'roberta-lora': ('roberta-gelu', {'target_modules': ['query', 'value', 'key', 'attention.output.dense']}),
    'roberta-dora': ('roberta-gelu', {'use_dora': True}),
}
SHARED = {'task_type': TaskType.SEQ_CLS, 'r': 4, 'lora_alpha': 8, 'lora_dropout': 0.1, 'target_modules': ['query', 'value']}


def base_model(name, dtype):
    return AutoModelForSequenceClassification.from_pretrained(COMMITTED / 'models' / name / 'model', dtype=dtype).eval()


def make(adapter, base, options):
    """Writes the folder of an adapter."""
    torch.manual_seed(SEED)
    model = get_peft_model(base_model(base, torch.float32), LoraConfig(**SHARED | options))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            if 'magnitude' in name:
                parameter.mul_(torch.empty_like(parameter).uniform_(0.7, 1.4))
            else:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return save_adapter(golden, adapter, model, f'models/{base}/model')


def run(adapter, base, options, folder, dtype):
    torch.manual_seed(SEED)
    inputs, labels = three_texts(base)
    name = str(dtype).split('.')[1]
    key = f'{adapter}.{name}'
    plain = base_model(base, dtype)(**inputs).logits
    model = PeftModel.from_pretrained(base_model(base, dtype), folder, is_trainable=True).eval()
    result = model(**inputs, labels=labels)
    result.loss.backward()
    stored = set(load_file(folder / 'adapter_model.safetensors'))
    gradients = {file_name(p): v.grad for p, v in model.named_parameters() if v.requires_grad}
    assert set(gradients) == stored, set(gradients) ^ stored
    merged = model.merge_and_unload()
    weights = {p: v for p, v in merged.state_dict().items() if p.endswith('weight') and any(p.endswith(f'{target}.weight') for target in (SHARED | options)['target_modules'])}
    return {
        'id': f'{adapter}-{name}',
        'base': base,
        'adapter': adapter,
        'dtype': name,
        'useDora': bool(options.get('use_dora')),
        'inputs': stored_inputs(golden, key, {**inputs, 'labels': labels}),
        'baseLogits': golden.tensor(f'{key}.baseLogits', plain),
        'logits': golden.tensor(f'{key}.logits', result.logits),
        'loss': golden.tensor(f'{key}.loss', result.loss),
        'gradients': golden.named(f'{key}.gradients', gradients),
        'mergedLogits': golden.tensor(f'{key}.mergedLogits', merged(**inputs).logits),
        'mergedWeight': golden.named(f'{key}.mergedWeight', weights),
    }


cases = []
for adapter, (base, options) in ADAPTERS.items():
    folder = make(adapter, base, options)
    cases += [run(adapter, base, options, folder, dtype) for dtype in (torch.float64, torch.float32)]
golden.json('cases.json', {'cases': cases})
golden.finish()
