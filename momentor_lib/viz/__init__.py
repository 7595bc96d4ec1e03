"""Pictures of answers: a timeline as a figure and as a page. It draws plain dataclasses and knows no model."""
