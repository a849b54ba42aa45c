{{ rename_flights(source("operations", "flights"), "cast(convert_timezone('UTC', updated_at) as timestamp_ntz)") }}
