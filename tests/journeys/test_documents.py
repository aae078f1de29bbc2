"""Every document of the shop's clients is sent in a story; `market` sees to it that a story sends what it names."""

import re
from pathlib import Path

from app.api.documents import DOCUMENTS
from tests.journeys.conftest import NAMED

STORIES = Path(__file__).parent
FRAGMENT = re.compile(r"^fragment\s+(\w+)\s+on\s", re.MULTILINE)


def test_every_document_is_sent_in_a_story():
    documents = {
        f"{path.parent.name}/{path.stem}"
        for path in DOCUMENTS.glob("*/*.graphql")
        if not FRAGMENT.search(path.read_text(encoding="utf-8")) or "fragment" not in path.stem.lower()
    }
    named = {name for story in STORIES.glob("test_*.py") for name in NAMED.findall(story.read_text(encoding="utf-8"))}
    assert documents - named == set()
    assert named - documents == set()
