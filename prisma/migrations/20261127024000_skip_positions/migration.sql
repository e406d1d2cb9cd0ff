-- Positions go on so far behind the last one. A role that may only read and write rows must not set a sequence itself; it
-- needs this when it finds that the database went back.
CREATE FUNCTION "skip_positions"("positions" BIGINT) RETURNS BIGINT LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT setval('attempt_change_position', nextval('attempt_change_position') + positions);
$$;
