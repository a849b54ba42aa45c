{{ rename_flights(source("archive", "flights"), "cast(null as timestamp_ntz)") }}
