-- name: mark
SELECT (SELECT value FROM alimi_meta WHERE name = 'epoch'),
    m.o_version, m.o_count, m.o_ids, m.o_unread, m.o_unseen
FROM alimi_mark($1, $2, $3, $4, $5, $6) AS m;
