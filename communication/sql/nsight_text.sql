-- A text by its number.
SELECT value FROM StringIds WHERE id = :number
