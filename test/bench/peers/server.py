"""Several twins in one process, so that Python and its packages start once. One JSON line a question on stdin:

    { "make": NAME, "twin": MODULE, "args": [...] }    makes a twin; answers with its facts
    { "step": NAME }                                   one step of it; answers { seconds, ... }
    { "drop": NAME }                                   frees it
    { "memory": true }                                 { resident, peak } of this process in bytes (Linux)
    { "resetPeak": true }                              the peak is what is resident now
"""

import gc
import importlib
import json
import sys
from pathlib import Path

from protocol import arguments, say, timed, versions


def memory():
    fields = dict(line.split(':', 1) for line in Path('/proc/self/status').read_text().splitlines() if ':' in line)
    return {'resident': int(fields['VmRSS'].split()[0]) * 1024, 'peak': int(fields['VmHWM'].split()[0]) * 1024}


def main():
    steps = {}
    say(ready=True, versions=versions())
    for line in sys.stdin:
        if line.strip() == 'quit':
            break
        question = json.loads(line)
        if 'make' in question:
            twin = importlib.import_module(question['twin'])
            parser = arguments(twin.__doc__)
            getattr(twin, 'configure', lambda parser: None)(parser)
            steps[question['make']], facts = twin.make(parser.parse_args(question['args']))
            say(**facts)
        elif 'step' in question:
            say(**timed(steps[question['step']]))
        elif 'drop' in question:
            del steps[question['drop']]
            gc.collect()
            say()
        elif 'memory' in question:
            say(**memory())
        elif 'resetPeak' in question:
            Path('/proc/self/clear_refs').write_text('5')
            say()


if __name__ == '__main__':
    main()
