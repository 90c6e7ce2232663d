"""One LoRA training step by PEFT, as a user would write it: query and value, SDPA, dropout on, AdamW.

Batches: { "train": [...] } or { "lower": [...] }. Prints { seconds, loss } a step.
"""

import peft
import torch
from protocol import batches, main, precision, prepare


def make(options):
    model = prepare(options)
    if options.adapter:
        model = peft.PeftModel.from_pretrained(model, options.adapter, is_trainable=True)
    else:
        config = peft.LoraConfig(task_type=peft.TaskType.SEQ_CLS, r=options.rank, lora_alpha=options.lora_alpha, target_modules=['query', 'value'])
        model = peft.get_peft_model(model, config)
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=options.weight_decay)
    data = batches(options)
    train = data.get('train') or data['lower']

    def step():
        with precision(options):
            loss = model(**next(train)).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return {'loss': loss.item()}

    return step, {'trained': sum(p.numel() for p in trained), 'peft': peft.__version__}


if __name__ == '__main__':
    main(__doc__, make)
