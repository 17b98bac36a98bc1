"""A kanban board whose cards change hands: the application that shows what Alimi is for.

app       create_app(settings): everything tied together; `python -m board` serves it
api       the JSON API, a file for each noun; pages: the HTML; static: what the browser runs
cards     what may be done with a card (lists, comments, following, sessions, users: likewise)
notices   who hears of what; kinds: in which words
acts      one person's change in one transaction: what the rows say and who is told, or neither
database  engine and tables (models)

It imports nothing of Alimi but what `alimi` itself exports.
"""
