"""LoRA and DoRA as PEFT saves them on Conv1D layers and on embeddings, with patterns of rank and alpha (run gpt2.py and
models.py first): folders, logits before and after merging, gradients. Everything that trains is random, so that nothing is
at its start."""

from golden import COMMITTED, Golden  # first: it makes `peft` mean the package

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from tiny_models import file_name, save_adapter, stored_inputs

SEED = 31
golden = Golden('peft_gpt2', SEED, {'float32': 1e-5, 'float64': 1e-12}, packages=('torch', 'transformers', 'peft'))

CLASSES, LANGUAGE = TaskType.SEQ_CLS, TaskType.CAUSAL_LM
PATTERNS = {'rank_pattern': {'h.0.attn.c_attn': 2, r'mlp\.c_(fc|proj)': 5}, 'alpha_pattern': {'h.1.attn.c_attn': 3, 'c_fc': 7.5}}
ADAPTERS = {
    # No targets named: c_attn, the whole of it.
    'default-lora': ('gpt2/classes', CLASSES, {}),
    'conv-dora': ('gpt2/classes', CLASSES, {'use_dora': True, 'target_modules': ['c_attn', 'attn.c_proj', 'c_fc', 'mlp.c_proj'], **PATTERNS}),
    'embedding-lora': ('gpt2/classes', CLASSES, {'target_modules': ['wte', 'wpe', 'c_attn'], 'alpha_pattern': {'wpe': 2}}),
    'language-lora': ('gpt2/lm', LANGUAGE, {'target_modules': ['c_attn', 'mlp.c_proj'], 'rank_pattern': {'never': 9}}),
    'language-dora': ('gpt2/lm-untied', LANGUAGE, {'use_dora': True, 'target_modules': ['wte', 'c_attn', 'lm_head']}),
    'bert-embedding-dora': ('models/bert-gelu/model', CLASSES, {'use_dora': True, 'target_modules': ['word_embeddings', 'position_embeddings', 'token_type_embeddings', 'query']}),
}  # fmt: skip
SHARED = {'r': 4, 'lora_alpha': 8, 'lora_dropout': 0.1, 'init_lora_weights': False}


def base_model(base, task, dtype):
    kind = AutoModelForCausalLM if task is LANGUAGE else AutoModelForSequenceClassification
    return kind.from_pretrained(COMMITTED / base, dtype=dtype, attn_implementation='eager').eval()


def make(adapter, base, task, options):
    """Writes the folder of an adapter."""
    torch.manual_seed(SEED)
    model = get_peft_model(base_model(base, task, torch.float32), LoraConfig(task_type=task, **SHARED | options))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad:
                continue
            if 'magnitude' in name:
                parameter.mul_(torch.empty_like(parameter).uniform_(0.7, 1.4))
            elif 'lora_embedding' in name:
                parameter.normal_(0, 0.4)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return save_adapter(golden, adapter, model, base)


def batch(pad, language):
    """Three texts of other lengths, padded right."""
    ids = torch.full((3, 9), pad)
    mask = torch.zeros_like(ids)
    for row, length in enumerate([9, 6, 3]):
        ids[row, :length] = torch.randint(4, 28, (length,))
        mask[row, :length] = 1
    return {'input_ids': ids, 'attention_mask': mask}, ids.masked_fill(mask == 0, -100) if language else torch.tensor([0, 1, 1])


def loss_of(logits, labels):
    """transformers' own formula, without its step to float32."""
    if logits.ndim == 2:
        return torch.nn.functional.cross_entropy(logits, labels)
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


def run(adapter, base, task, folder, dtype):
    torch.manual_seed(SEED)
    plain = base_model(base, task, dtype)
    inputs, labels = batch(plain.config.pad_token_id or 0, task is LANGUAGE)
    name = str(dtype).split('.')[1]
    key = f'{adapter}.{name}'
    base_logits = plain(**inputs).logits
    model = PeftModel.from_pretrained(plain, folder, is_trainable=True).eval()
    logits = model(**inputs).logits
    loss = loss_of(logits, labels)
    torch.testing.assert_close(loss.float(), model(**inputs, labels=labels).loss.float())
    loss.backward()
    gradients = {file_name(p): v.grad for p, v in model.named_parameters() if v.requires_grad}
    stored = set(load_file(folder / 'adapter_model.safetensors'))
    assert set(gradients) == stored, set(gradients) ^ stored
    return {
        'id': f'{adapter}-{name}',
        'base': base,
        'adapter': adapter,
        'language': task is LANGUAGE,
        'dtype': name,
        'inputs': stored_inputs(golden, key, {**inputs, 'labels': labels}),
        'baseLogits': golden.tensor(f'{key}.baseLogits', base_logits),
        'logits': golden.tensor(f'{key}.logits', logits),
        'loss': golden.tensor(f'{key}.loss', loss),
        'gradients': golden.named(f'{key}.gradients', gradients),
        'mergedLogits': golden.tensor(f'{key}.mergedLogits', model.merge_and_unload()(**inputs).logits),
    }


cases = []
for adapter, (base, task, options) in ADAPTERS.items():
    folder = make(adapter, base, task, options)
    cases += [run(adapter, base, task, folder, dtype) for dtype in (torch.float64, torch.float32)]
golden.json('cases.json', {'cases': cases})
golden.finish()
