-- name: box_by_id^
-- point: One box.
SELECT id, number, flag, sealed FROM box WHERE id = :id;

-- name: box_locked^
-- point: One box, locked where the database locks rows.
SELECT id, number FROM box WHERE id = :id /*postgres FOR UPDATE */;

-- name: boxes
-- All boxes that match.
SELECT id, number FROM box WHERE CAST(:id AS TEXT) IS NULL OR LOWER(id) LIKE :id ORDER BY id;

-- name: box_any^
-- A mistake: it may give more than one row.
SELECT id FROM box;

-- name: box_add!
-- A new box.
INSERT INTO box (id, number, flag, sealed) VALUES (:id, :number, :flag, :sealed);

-- name: box_raise^
-- The box's next number.
UPDATE box SET number = number + 1 WHERE id = :id RETURNING number;

-- name: box_delete!
-- Boxes below a number.
DELETE FROM box WHERE number < :number;

-- name: box_flag!
-- A parameter called name, which is also what the methods call their first argument.
UPDATE box SET flag = 1 WHERE id = :name;

-- name: thing_add!
-- A thing in a box.
INSERT INTO thing (id, box_id) VALUES (:id, :box_id);

-- name: things_of_box
-- point: What a box holds.
SELECT id FROM thing WHERE box_id = :box_id ORDER BY id;

-- name: pairs
-- Far too many rows.
SELECT COUNT(*) AS pairs FROM box AS a, box AS b, box AS c, box AS d WHERE a.number + b.number + c.number + d.number < 0;
