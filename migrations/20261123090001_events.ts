import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- One row a stream: its lock orders the writers, so numbers become visible in order and without gaps.
    create table streams (
      stream text primary key,
      seq bigint not null
    ) with (fillfactor = 70);
    create table events (
      stream text not null,
      seq bigint not null,
      type text not null,
      -- json, not jsonb: it is only ever read whole, and readers get the fields in the order they were written.
      data json not null,
      at timestamptz not null default clock_timestamp(),
      -- Every read is "this stream, after this number".
      primary key (stream, seq)
    );
    -- Appends events and wakes the readers, in one round trip and with plans that the session keeps (plpgsql).
    -- Streams are locked in sorted order (no deadlocks) until the commit, so that no reader can see a number
    -- before its predecessor. 25 names fit one notification.
    create function append_events(in_streams text[], in_types text[], in_data json[]) returns void
    language plpgsql as $$
    begin
      with input as (
        select stream, type, data, row_number() over (partition by stream order by ord) as n
        from unnest(in_streams, in_types, in_data) with ordinality as t (stream, type, data, ord)
      ), counted as (
        select stream, count(*) as total from input group by stream
      ), bumped as (
        insert into streams as s (stream, seq) select stream, total from counted order by stream
        on conflict (stream) do update set seq = s.seq + excluded.seq
        returning stream, seq
      )
      insert into events (stream, seq, type, data)
      select i.stream, b.seq - c.total + i.n, i.type, i.data
      from input i join bumped b using (stream) join counted c using (stream);

      perform pg_notify('capstan_events', string_agg(stream, ' ')) from (
        select stream, (row_number() over () - 1) / 25 as part
        from (select distinct unnest(in_streams) as stream) as names) as parts
      group by part;
    end $$;
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop function append_events; drop table events; drop table streams')
}
