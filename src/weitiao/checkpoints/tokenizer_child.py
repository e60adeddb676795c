"""A process that tries a tokenizer.json on texts: python tokenizer_child.py FILE MEGABYTES, texts
as JSON on stdin; prints {"grown": ..., "highest": ...} as JSON.

It imports nothing of weitiao, so that it starts fast. A tokenizer whose rules multiply a text ends
this process and no other.
"""

import json
import sys

CPU_SECONDS = 20


def main() -> None:
    """Encode and decode the texts; print how many tokens a character gives at most."""
    try:
        import resource
    except ImportError:  # Windows: only the time is limited
        pass
    else:
        most = int(sys.argv[2]) * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(sys.argv[1])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    grown, highest = 0.0, -1
    for text in json.load(sys.stdin):
        ids = tokenizer.encode(text).ids
        decoded = tokenizer.decode(ids)
        grown = max(grown, max(len(ids), len(decoded)) / (len(text) + 16))
        highest = max(highest, *ids, -1)
    sys.stdout.write(json.dumps({"grown": grown, "highest": highest}))


if __name__ == "__main__":
    main()
