-- How many tickets were offered on the marketplace, and how many offers are open?
-- Needs select on ticketing.listings. Counts since midnight UTC: see settings.yaml.

select
    (select count(*) from ticketing.listings where listed_at >= date_trunc('day', now(), 'UTC')) as tickets_listed_total,
    (select count(*) from ticketing.listings where closed_at is null) as active_listings
