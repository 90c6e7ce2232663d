"""What makers of tiny models and of their adapters share: random parameters, batches, what JSON holds of them, PEFT's folders."""

from golden import COMMITTED  # before all other packages

import json
import math

import torch

INPUT_NAMES = {'input_ids': 'inputIds', 'attention_mask': 'attentionMask', 'token_type_ids': 'tokenTypeIds', 'labels': 'labels'}


def randomise(model):
    """Weights of a BERT or RoBERTa wide enough that attention is far from uniform, scales around 1, biases around 0."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if 'LayerNorm.weight' in name:
                parameter.normal_(1, 0.3)
            elif parameter.ndim == 1:
                parameter.normal_(0, 0.3)
            elif 'embeddings' in name:
                parameter.normal_(0, 1)
            else:
                parameter.normal_(0, 1 / math.sqrt(parameter.shape[1]))


def three_texts(base):
    """Three texts of other lengths, padded right with the own pad of a model of models/, and their classes."""
    config = json.loads((COMMITTED / 'models' / base / 'model' / 'config.json').read_text())
    lengths = [11, 6, 3]
    ids = torch.full((3, 11), config['pad_token_id'])
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(4, config['vocab_size'], (length,))
        mask[row, :length] = 1
    return {'input_ids': ids, 'attention_mask': mask}, torch.tensor([0, 1, 1])


def stored_inputs(golden, key, inputs, file='tensors.safetensors'):
    """References to what a model is fed, labels too, by the names of JSON."""
    return {INPUT_NAMES[name]: golden.tensor(f'{key}.{INPUT_NAMES[name]}', value, file) for name, value in inputs.items()}


def save_adapter(golden, name, model, base):
    """The folder that PEFT writes of an adapter on `base`, a folder below test/golden."""
    model.peft_config['default'].base_model_name_or_path = f'../../{base}'
    folder = golden.folder / name
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / 'README.md').unlink(missing_ok=True)  # a model card with nothing in it but versions
    # The targets are a set, in another order at each run.
    config = json.loads((folder / 'adapter_config.json').read_text())
    config['target_modules'].sort()
    (folder / 'adapter_config.json').write_text(json.dumps(config, indent=2) + '\n')
    for file in folder.iterdir():
        golden.wrote(file)
    return folder


def file_name(parameter):
    """A name in PEFT's file is the parameter's without the adapter's name and without the wrapper of the saved head."""
    return parameter.replace('.default', '').replace('.modules_to_save', '').replace('magnitude_vector.weight', 'magnitude_vector')
