"""The kind that everybody here is told of."""

from alimi.kinds import Kind

ASSIGNED = Kind("card.assigned", "cards", {"en": "You are now the assignee of card {object.id}."})
