"""What the explorer shows, as tables: a person, an item, the whole model.

Each view is single facts and named tables (`View`), made by public calls of `Conv4Rec`.
"""

from conv4rec.recommender.views.asked import VIEWS, view_of
from conv4rec.recommender.views.view import View

__all__ = ["VIEWS", "View", "view_of"]
