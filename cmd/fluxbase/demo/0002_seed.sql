-- Two users: Ada (…ada0) and Bob (…b0b0).
insert into public.notebooks (owner_id, title)
values
  ('00000000-0000-4000-8000-00000000ada0', 'Engine'),
  ('00000000-0000-4000-8000-00000000ada0', 'House'),
  ('00000000-0000-4000-8000-00000000b0b0', 'Garden');

insert into public.notes (owner_id, notebook_id, title, body, is_public)
select
  b.owner_id,
  b.id,
  n.title,
  n.body,
  n.is_public
from (
  values
    (1, 'Engine', 'Loops', 'The engine can repeat a group of cards.', true),
    (2, 'Engine', 'Bernoulli numbers', 'Check the sign in step 4 again.', false),
    (3, 'House', 'Shopping', 'Candles, ink, paper.', false),
    (4, 'Garden', 'Tomatoes', 'Sow in March, indoors, 20 degrees.', true),
    (5, 'Garden', 'Letter to the neighbour', 'The hedge is too high, again.', false)
) as n (position, notebook, title, body, is_public)
join public.notebooks as b on b.title = n.notebook
order by n.position;

insert into public.comments (note_id, author_id, body)
select
  n.id,
  c.author_id::uuid,
  c.body
from (
  values
    (1, 'Loops', '00000000-0000-4000-8000-00000000b0b0', 'How does it know when to stop?'),
    (2, 'Loops', '00000000-0000-4000-8000-00000000ada0', 'It counts down a column.'),
    (3, 'Tomatoes', '00000000-0000-4000-8000-00000000ada0', 'Mine like it warmer.')
) as c (position, note, author_id, body)
join public.notes as n on n.title = c.note
order by c.position;

---- create above / drop below ----

truncate public.notebooks, public.notes, public.comments restart identity;
