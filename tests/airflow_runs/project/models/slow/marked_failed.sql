{{ endless() }}
