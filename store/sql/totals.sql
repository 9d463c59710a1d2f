-- What came to the tables of the hot file since a row of each; `whole`: and everything in the months.
-- name: since
WITH asked AS MATERIALIZED (
    SELECT call_id, origin, ts, part, row FROM calls
    WHERE ($whole::BOOLEAN OR part = 'hot') AND (part <> 'hot' OR row > $calls_row::BIGINT)
),
made AS MATERIALIZED (
    SELECT call_id, served, who, role, outcome, cost_usd, part, row FROM attempts
    WHERE ($whole::BOOLEAN OR part = 'hot') AND (part <> 'hot' OR row > $attempts_row::BIGINT)
),
asking AS (
    SELECT
        count(*) AS calls, count(*) FILTER (WHERE origin = 'app') AS app_calls, min(ts) AS first_ts, max(ts) AS last_ts,
        max(row) FILTER (WHERE part = 'hot') AS calls_row
    FROM asked
),
making AS (
    SELECT
        count(*) AS attempts, count(*) FILTER (WHERE served AND who = 'student' AND outcome <> 'lost') AS student_served,
        count(*) FILTER (WHERE served AND outcome = 'lost') AS lost_calls, coalesce(sum(cost_usd) FILTER (WHERE role <> 'import'), 0) AS cost_usd,
        count(*) FILTER (
            WHERE who = 'teacher' AND role <> 'import' AND cost_usd IS NULL AND outcome IN ('complete', 'length')
        ) AS costless,
        max(row) FILTER (WHERE part = 'hot') AS attempts_row
    FROM made
),
scoring AS (
    SELECT count(*) AS scores, max(row) FILTER (WHERE part = 'hot') AS scores_row FROM scores
    WHERE ($whole::BOOLEAN OR part = 'hot') AND (part <> 'hot' OR row > $scores_row::BIGINT)
),
saying AS (
    SELECT count(*) AS feedback, max(row) FILTER (WHERE part = 'hot') AS feedback_row FROM feedback
    WHERE ($whole::BOOLEAN OR part = 'hot') AND (part <> 'hot' OR row > $feedback_row::BIGINT)
),
heading AS (
    SELECT count(*) AS prompts, max(row) FILTER (WHERE part = 'hot') AS prompts_row FROM prompts
    WHERE ($whole::BOOLEAN OR part = 'hot') AND (part <> 'hot' OR row > $prompts_row::BIGINT)
)
SELECT
    asking.*, making.*, scoring.*, saying.*, heading.*,
    (SELECT list(call_id) FROM asked WHERE call_id NOT IN (SELECT call_id FROM made WHERE served)) AS opened,
    (SELECT list(call_id) FROM made WHERE served AND call_id NOT IN (SELECT call_id FROM asked)) AS answered
FROM asking, making, scoring, saying, heading;

-- Of the attempts without a price that came since, those whose surface is understood.
-- name: unpriced
SELECT count(*) AS unpriced, list(DISTINCT model) AS models FROM attempts
WHERE surface <> 'opaque' AND who = 'teacher' AND role <> 'import' AND cost_usd IS NULL AND outcome IN ('complete', 'length')
    AND ($whole::BOOLEAN OR part = 'hot') AND (part <> 'hot' OR row > $attempts_row::BIGINT);

-- Of the feedback that came since, and of that which named nothing then.
-- name: unresolved
WITH given AS MATERIALIZED (
    SELECT feedback_id, tenant, target FROM feedback
    WHERE ($whole::BOOLEAN OR part = 'hot') AND (part <> 'hot' OR row > $feedback_row::BIGINT)
    UNION ALL
    SELECT feedback_id, tenant, target FROM feedback WHERE feedback_id IN (SELECT unnest($pending::UUID[]))
),
direct AS (
    SELECT f.feedback_id
    FROM given AS f JOIN calls AS c ON c.call_id = try_cast(f.target AS UUID) AND c.tenant = f.tenant
),
rest AS MATERIALIZED (SELECT * FROM given WHERE feedback_id NOT IN (SELECT feedback_id FROM direct)),
named AS (
    SELECT f.feedback_id
    FROM rest AS f JOIN attempts AS a ON a.completion_id = f.target
    JOIN calls AS c ON c.call_id = a.call_id AND c.tenant = f.tenant
    WHERE a.served
)
SELECT feedback_id FROM rest WHERE feedback_id NOT IN (SELECT feedback_id FROM named);

-- name: corrupt
SELECT coalesce(sum(corrupt), 0)::BIGINT AS frames FROM ingest_log;
