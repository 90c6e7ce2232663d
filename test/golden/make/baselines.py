"""The other methods of PEFT as PEFT saves and trains them, on two of the tiny models (run models.py first): rsLoRA, VeRA,
FourierFT, AdaLoRA. Folders, logits before and after merging, gradients; then some steps of training, with BitFit, which
PEFT lacks, as plain PyTorch. What trains is random at the start, so that nothing is zero."""

from golden import COMMITTED, Golden  # first: it makes `peft` mean the package

import torch
from peft import AdaLoraConfig, FourierFTConfig, LoraConfig, PeftModel, VeraConfig, get_peft_model
from peft.tuners.fourierft.layer import FourierFTLayer
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from tiny_models import file_name, save_adapter, stored_inputs, three_texts

SEED = 23
golden = Golden('baselines', SEED, {'float32': 1e-5, 'float64': 1e-12}, packages=('torch', 'transformers', 'peft'))

MORE = ['query', 'value', 'intermediate.dense', 'attention.output.dense']
# name: base, method here, config of PEFT, ranks that an allocation has left (by layer and part: places kept of four)
ADAPTERS = {
    'bert-rslora': ('bert-gelu', 'rslora', LoraConfig(r=3, lora_alpha=5, use_rslora=True, target_modules=MORE)),
    'bert-vera': ('bert-gelu', 'vera', VeraConfig(r=10, projection_prng_key=5, d_initial=0.3, target_modules=MORE)),
    'roberta-vera': ('roberta-gelu', 'vera', VeraConfig(r=40, save_projection=False, vera_dropout=0.1, target_modules=['query', 'value'])),
    'bert-fourierft': ('bert-gelu', 'fourierft', FourierFTConfig(n_frequency=50, scaling=20.0, random_loc_seed=11, target_modules=MORE)),
    'roberta-fourierft': ('roberta-gelu', 'fourierft', FourierFTConfig(n_frequency=576, target_modules=['query', 'value'])),
    'bert-adalora': ('bert-gelu', 'adalora', AdaLoraConfig(init_r=4, target_r=2, lora_alpha=6, total_step=8, tinit=1, tfinal=2, deltaT=2, beta1=0.8, beta2=0.9, orth_reg_weight=0.3, target_modules=MORE)),
    'roberta-adalora': ('roberta-gelu', 'adalora', AdaLoraConfig(init_r=5, target_r=1, total_step=4, target_modules=['query', 'value'])),
}
ALLOCATED = {'roberta-adalora': [[True, False, True, True, False], [False] * 5, [False, True, False, False, False], [True] * 5]}


def delta_weight(self, adapter):
    """As PEFT computes it, but in the type of the spectrum: PEFT takes float32 for a float64 model too."""
    spectrum, places = self.fourierft_spectrum[adapter], self.indices[adapter]
    dense = torch.zeros(self.out_features, self.in_features, dtype=spectrum.dtype)
    dense[places[0], places[1]] = spectrum
    return torch.fft.ifft2(dense).real * self.fourierft_scaling[adapter]


PEFTS_OWN = FourierFTLayer.get_delta_weight


def use(dtype):
    FourierFTLayer.get_delta_weight = PEFTS_OWN if dtype == torch.float32 else delta_weight


def base_model(name):
    return AutoModelForSequenceClassification.from_pretrained(COMMITTED / 'models' / name / 'model').eval()


def make(name, base, config):
    """Writes the folder of an adapter."""
    torch.manual_seed(SEED)
    config.task_type = 'SEQ_CLS'
    model = get_peft_model(base_model(base), config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.2)
        if name in ALLOCATED:
            layers = [p for p, _ in model.base_model.model.named_parameters() if p.endswith('lora_E.default')]
            model.peft_config['default'].rank_pattern = dict(zip(layers, ALLOCATED[name], strict=True))
    return save_adapter(golden, name, model, f'models/{base}/model')


def loaded(base, folder, dtype):
    return PeftModel.from_pretrained(base_model(base), folder, is_trainable=True).eval().to(dtype)


def trainable(model):
    return {file_name(name): p for name, p in model.named_parameters() if p.requires_grad}


def run(name, base, method, folder, dtype):
    torch.manual_seed(SEED)
    use(dtype)
    inputs, labels = three_texts(base)
    kind = str(dtype).split('.')[1]
    key = f'{name}.{kind}'
    model = loaded(base, folder, dtype)
    logits = model(**inputs).logits
    loss = torch.nn.functional.cross_entropy(logits, labels)  # AdaLoRA's own loss has the regulariser too
    loss.backward()
    whole = model(**inputs, labels=labels).loss
    parameters = trainable(model)
    stored = load_file(folder / 'adapter_model.safetensors')
    assert set(parameters) | {'base_model.vera_A', 'base_model.vera_B'} >= set(stored), set(parameters) ^ set(stored)
    projections = {part: getattr(model.base_model, part)['default'] for part in ('vera_A', 'vera_B') if method == 'vera'}
    model.merge_adapter()  # and not merge_and_unload, which fails on RoBERTa's head
    weights = {p.replace('base_model.model.', '').replace('.base_layer', ''): v for p, v in model.state_dict().items() if p.endswith('.base_layer.weight')}
    return {
        'id': f'{name}-{kind}',
        'base': base,
        'adapter': name,
        'method': method,
        'dtype': kind,
        'inputs': stored_inputs(golden, key, {**inputs, 'labels': labels}),
        'logits': golden.tensor(f'{key}.logits', logits),
        'loss': golden.tensor(f'{key}.loss', loss),
        'regularised': golden.tensor(f'{key}.regularised', whole),
        'mergedLogits': golden.tensor(f'{key}.mergedLogits', model(**inputs).logits),
        # Of float32 the logits are enough.
        'gradients': golden.named(f'{key}.gradients', {p: v.grad for p, v in parameters.items()} if kind == 'float64' else {}),
        'projections': golden.named(f'{key}.projections', projections if kind == 'float32' else {}),
        'mergedWeight': golden.named(f'{key}.mergedWeight', weights if kind == 'float64' else {}),
    }


def bitfit(base):
    model = base_model(base).double()
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.endswith('bias') or name.startswith('classifier.')
    return model


def train(name, base, method, folder=None, steps=8):
    """AdamW with a clipped gradient over one batch, dropout off; AdaLoRA allocates after each step, counted from 1."""
    torch.manual_seed(SEED)
    use(torch.float64)
    inputs, labels = three_texts(base)
    model = loaded(base, folder, torch.float64) if folder else bitfit(base)
    parameters = trainable(model) if folder else {f'base_model.model.{n}': p for n, p in model.named_parameters() if p.requires_grad}
    options = {'lr': 0.02, 'betas': (0.9, 0.98), 'eps': 1e-8, 'weight_decay': 0.05}
    optimizer = torch.optim.AdamW(parameters.values(), **options)
    losses = []
    for step in range(1, steps + 1):
        loss = model(**inputs, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), 0.5)
        optimizer.step()
        if method == 'adalora':
            model.base_model.update_and_allocate(step)
        optimizer.zero_grad()
        losses.append(loss.item())
    pattern = model.peft_config['default'].rank_pattern if method == 'adalora' else None
    return {
        'id': f'{name}-steps',
        'base': base,
        'adapter': name if folder else None,
        'method': method,
        'inputs': stored_inputs(golden, f'{name}.steps', {**inputs, 'labels': labels}),
        'options': ({'tinit': 1, 'tfinal': 2, 'deltaT': 2, 'importanceBeta1': 0.8, 'importanceBeta2': 0.9, 'orthRegWeight': 0.3} if method == 'adalora' else {}) | {'learningRate': 0.02, 'adamBeta1': 0.9, 'adamBeta2': 0.98, 'adamEpsilon': 1e-8, 'weightDecay': 0.05, 'clip': 0.5},
        'losses': losses,
        'rankPattern': pattern and {file_name(p): places for p, places in pattern.items()},
        'trained': golden.named(f'{name}.steps.trained', parameters),
    }


def allocate():
    """AdaLoRA's allocator on values and gradients that are drawn anew for every step."""
    torch.manual_seed(SEED)
    schedule = {'tinit': 1, 'tfinal': 2, 'deltaT': 2, 'beta1': 0.8, 'beta2': 0.9}
    config = AdaLoraConfig(task_type='SEQ_CLS', init_r=4, target_r=1, total_step=9, target_modules=['query'], **schedule)
    model = get_peft_model(base_model('roberta-gelu'), config).double()
    parameters = {n.split('layer.')[1].replace('.attention.self.query.', '.').replace('.default', ''): p for n, p in model.named_parameters() if 'lora_' in n}
    allocator = model.base_model.rankallocator
    steps = []
    for step in range(1, 10):
        key = f'allocate.{step}'
        with torch.no_grad():
            for parameter in parameters.values():
                parameter.copy_(torch.randn_like(parameter))
                parameter.grad = torch.randn_like(parameter)
        before = {name: p.clone() for name, p in parameters.items()}
        model.base_model.update_and_allocate(step)
        learnt = {name: [v for n, v in store.items()] for name, store in (('sensitivity', allocator.exp_avg_ipt), ('uncertainty', allocator.exp_avg_unc))}
        order = list(parameters)
        steps.append({
            'values': golden.named(f'{key}.values', before),
            'gradients': golden.named(f'{key}.gradients', {name: p.grad for name, p in parameters.items()}),
            'after': golden.named(f'{key}.after', {name: p for name, p in parameters.items() if name.endswith('lora_E')}),
            'sensitivity': golden.named(f'{key}.sensitivity', dict(zip(order, learnt['sensitivity']))),
            'uncertainty': golden.named(f'{key}.uncertainty', dict(zip(order, learnt['uncertainty']))),
        })
    return {'schedule': schedule | {'totalSteps': 9}, 'loraAlpha': config.lora_alpha, 'initialRank': 4, 'rank': 1, 'steps': steps}


cases, runs = [], []
for name, (base, method, config) in ADAPTERS.items():
    folder = make(name, base, config)
    cases += [run(name, base, method, folder, dtype) for dtype in (torch.float64, torch.float32)]
    if name.startswith('bert'):
        runs.append(train(name, base, method, folder))
runs.append(train('bert-bitfit', 'bert-gelu', 'bitfit'))
golden.json('cases.json', {'cases': cases, 'runs': runs, 'allocation': allocate()})
golden.finish()
