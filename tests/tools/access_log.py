"""The access log in JSON, while it is written."""

import json

from processes import wait_for


def entries(path, count=0):
    """Once there are so many; a line may come after the answer."""
    def lines():
        return path.read_text().splitlines()
    assert wait_for(lambda: len(lines()) >= count, 5), lines()
    return [json.loads(line) for line in lines()]
