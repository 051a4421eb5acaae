"""What lies under a topic, and what a topic filter asks for (MQTT 5, 4.7)."""


def is_below(topic: str, root: str) -> bool:
    """Whether a topic or filter lies at a root or under it."""
    return topic == root or topic.startswith(f"{root}/")


def matches(wanted: str, topic: str) -> bool:
    """Whether a topic fits a topic filter (MQTT 5, 4.7.1)."""
    if wanted == topic:
        return True
    asked, given = wanted.split("/"), topic.split("/")
    for place, level in enumerate(asked):
        if level == "#":
            return True
        if place >= len(given) or level not in ("+", given[place]):
            return False
    return len(asked) == len(given)
