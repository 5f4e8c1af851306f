/// The statements, values and rows that a connection takes and gives are those of every database.
@_exported public import SQL
