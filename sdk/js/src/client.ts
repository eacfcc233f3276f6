import { createClient as createSupabase, type SupabaseClient, type SupabaseClientOptions } from '@supabase/supabase-js'
import { batch } from './batch.js'
import { once } from './once.js'
import { page, pages, rows } from './pages.js'
import { send } from './query.js'

const extras = { send, once, page, pages, rows, batch }

type Schemas<Database> = string & keyof Omit<Database, '__InternalSupabase'>
type Default<Database> = 'public' extends keyof Omit<Database, '__InternalSupabase'> ? 'public' : Schemas<Database>

/** supabase-js's client, with what Fluxbase has beyond it. */
export type FluxbaseClient<
  Database = any,
  Options extends Schemas<Database> | { PostgrestVersion: string } = Default<Database>,
  Schema extends Schemas<Database> = Options extends Schemas<Database> ? Options : Default<Database>,
> = SupabaseClient<Database, Options, Schema> & typeof extras

/**
 * Makes supabase-js's own client, of the same arguments and types. What is added to it are the
 * functions send, once, page, pages, rows and batch of this package, which work alone as well.
 */
export function createClient<
  Database = any,
  Options extends Schemas<Database> | { PostgrestVersion: string } = Default<Database>,
  Schema extends Schemas<Database> = Options extends Schemas<Database> ? Options : Default<Database>,
>(url: string, key: string, options?: SupabaseClientOptions<Schema>): FluxbaseClient<Database, Options, Schema> {
  return Object.assign(createSupabase<Database, Options, Schema>(url, key, options), extras)
}
