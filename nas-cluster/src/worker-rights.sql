-- The rights that a worker needs.
CREATE ROLE worker LOGIN PASSWORD '…';
GRANT USAGE ON SCHEMA nas TO worker;
GRANT SELECT ON ALL TABLES IN SCHEMA nas TO worker;
GRANT UPDATE ON nas.trial, nas.reaper, nas.worker, nas.lease TO worker;
GRANT INSERT ON nas.lease, nas.result, nas.attempt, nas.worker TO worker;
GRANT DELETE ON nas.lease TO worker;
