-- Names that streams write in camelCase, as rollouts write them: serverOverloaded is server_overloaded.
CREATE OR REPLACE TEMP MACRO snake_case(camel_case) AS
    lower(regexp_replace(camel_case, '([a-z0-9])([A-Z])', '\1_\2', 'g'));
