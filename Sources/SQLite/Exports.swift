/// The values that statements take and give are those of every database.
@_exported public import SQL
