-- A version ends no later than the next one begins and only the last has no end. Otherwise a flight would
-- meet two versions of its aircraft and be counted twice.
select tail_number, valid_from, valid_to
from {{ ref("dim_aircraft") }}
qualify
    valid_to <= valid_from
    or coalesce(valid_to, cast('9999-12-31 00:00:00' as timestamp_ntz))
    > lead(valid_from) over (partition by tail_number order by valid_from)
