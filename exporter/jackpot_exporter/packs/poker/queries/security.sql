-- What was taken for an attack or a fraud. Needs select on poker.security_events.
select
    kind,
    count(*) as security_events_total
from poker.security_events
group by kind
limit 20
