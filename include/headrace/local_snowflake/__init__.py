"""The local Snowflake (emulated): fakesnow's SQL translation under a server, transactions and a guard of
our own.

No result from it is a Snowflake result. What it does not truly do, it refuses at once.
"""
