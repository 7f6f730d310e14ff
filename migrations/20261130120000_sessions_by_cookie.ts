import type { Knex } from 'knex'

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    -- True: the session's cookie has the prefix __Host-. A session is accepted from the cookie it was made for only, so
    -- that a cookie without the prefix, which another host of the domain can set, never carries a session made over HTTPS.
    alter table sessions add column host_cookie boolean not null default false;
    -- False: opened by a version that did not record where its user signed in. The next request records it.
    alter table sessions add column place_recorded boolean not null default false;

    -- A browser's id belongs to one user. One of several may have been planted by the others, who then know it.
    delete from sign_in_places where kind = 'browser' and place in (
      select place from sign_in_places where kind = 'browser' group by place having count(*) > 1);
    create unique index sign_in_places_browser on sign_in_places (place) where kind = 'browser';
  `)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(`
    drop index sign_in_places_browser;
    alter table sessions drop column place_recorded, drop column host_cookie;
  `)
}
