alter table notes add column created_at text;
