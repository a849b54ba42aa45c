select 1 as wrong where 1 = 2
