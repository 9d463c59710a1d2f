-- A target is our call's id or the id of a completion that the app received; of equal completion ids the
-- latest call of the tenant is meant.
-- name: resolved_feedback
WITH direct AS (
    SELECT f.feedback_id, c.call_id
    FROM feedback AS f JOIN calls AS c ON c.call_id = try_cast(f.target AS UUID) AND c.tenant = f.tenant
),
named AS (
    SELECT a.completion_id, c.tenant, arg_max(c.call_id, c.seq) AS call_id
    FROM attempts AS a JOIN calls AS c ON c.call_id = a.call_id
    WHERE a.served AND a.completion_id IN (
        SELECT target FROM feedback WHERE feedback_id NOT IN (SELECT feedback_id FROM direct)
    )
    GROUP BY a.completion_id, c.tenant
)
SELECT f.*, coalesce(c.call_id, n.call_id) AS call_id
FROM feedback AS f
LEFT JOIN direct AS c ON c.feedback_id = f.feedback_id
LEFT JOIN named AS n ON n.completion_id = f.target AND n.tenant = f.tenant;

-- name: latest_feedback
SELECT
    call_id,
    arg_max(score, ts) FILTER (WHERE score IS NOT NULL) AS score,
    arg_max(key_id, ts) FILTER (WHERE score IS NOT NULL) AS score_key,
    arg_max(correction, ts) FILTER (WHERE correction IS NOT NULL) AS correction,
    arg_max(key_id, ts) FILTER (WHERE correction IS NOT NULL) AS correction_key,
    arg_max(key_id, ts) FILTER (WHERE signal IS NOT NULL) AS signal_key
FROM resolved_feedback
WHERE call_id IS NOT NULL
GROUP BY call_id;
