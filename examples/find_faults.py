"""What is wrong with the rows, and the plan without it: duplicates, leaks, conflicts, damage."""

import os

import weitiao

THINGS = ("film", "room", "hotel", "food", "staff", "story", "service", "price", "bar", "pool")
rows = [
    {"text": f"the {thing} of number {at} was {word} and we said so", "label": label}
    for word, label in (("awful", "bad"), ("lovely", "good"), ("poor", "bad"), ("fine", "good"))
    for at, thing in enumerate(THINGS)
]
rows.append({"text": "The FILM of number 0 was awful, and we said so!", "label": "bad"})
rows.append({"text": "the room of number 1 was lovely and we said so", "label": "bad"})
rows.append({"text": "the cafÃ© was fine, write to li@example.com", "label": "Good"})

known = weitiao.look(rows, page="look.html", model=os.environ.get("WEITIAO_EXAMPLE_MODEL"))
for finding in known.findings:
    print(finding.severity, finding.kind, finding.ids[:3], finding.sentence, finding.plan_line)

lines = {
    "data.near_duplicates": 0.8,
    "data.steps.deduplicate": {},
    "data.steps.drop_conflicts": {},
    "data.labels.merge": {"good": ["Good"]},
}
print(weitiao.look(rows, changes=lines, model=os.environ.get("WEITIAO_EXAMPLE_MODEL")).labels)
