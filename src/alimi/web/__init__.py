"""The HTTP face of Alimi: one ASGI application that mounts anywhere.

app        build(): the composition, and the way of one request
router     which route a path means, under any style of mounting
routes     all routes there are, with what each takes and answers
who        the application's `who`, checked when it is given
origins    cross-site write defence and CORS
keys       API keys of the events API
request, body, answer, problems      what comes in, and what goes out
schemas    the JSON shapes
inbox, events, health, files, openapi      what the routes do
"""
