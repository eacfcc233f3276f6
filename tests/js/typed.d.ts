// The types of typed.sql, in the form that the client's generics expect.
type Table<Row, Optional extends keyof Row = never, Relationships extends unknown[] = []> = {
  Row: Row
  Insert: Omit<Row, Optional> & Partial<Pick<Row, Optional>>
  Update: Partial<Row>
  Relationships: Relationships
}

type Reference<Name extends string, Column extends string, To extends string, OneToOne extends boolean = false> = {
  foreignKeyName: Name
  columns: [Column]
  isOneToOne: OneToOne
  referencedRelation: To
  referencedColumns: ['id']
}

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[]

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9'
type WideColumn = `c${'0' | '1' | '2' | '3' | '4'}${Digit}`
type WideRow = { id: number } & { [Column in WideColumn]: number }
type WideTables = { [Name in `t${Digit}${Digit}`]: Table<WideRow, WideColumn> }

export type Database = {
  __InternalSupabase: { PostgrestVersion: '14' }
  public: {
    Tables: WideTables & {
      authors: Table<{ id: number; name: string; born: string | null }, 'born'>
      profiles: Table<{ author_id: number; bio: string }, never, [Reference<'profiles_author_id_fkey', 'author_id', 'authors', true>]>
      books: Table<
        { id: number; title: string; pages: number; author_id: number; editor_id: number | null; tags: string[]; data: Json | null },
        'editor_id' | 'tags' | 'data',
        [Reference<'books_author_id_fkey', 'author_id', 'authors'>, Reference<'books_editor_id_fkey', 'editor_id', 'authors'>]
      >
      shelves: Table<{ id: number; room: string }>
      shelf_books: Table<
        { shelf_id: number; book_id: number },
        never,
        [Reference<'shelf_books_shelf_id_fkey', 'shelf_id', 'shelves'>, Reference<'shelf_books_book_id_fkey', 'book_id', 'books'>]
      >
    }
    Views: Record<never, never>
    Functions: {
      books_by: {
        Args: { author: number }
        Returns: Database['public']['Tables']['books']['Row'][]
        SetofOptions: { isSetofReturn: true; isOneToOne: false; from: '*'; to: 'books' }
      }
      add_up: { Args: { a: number; b?: number }; Returns: number }
      third_time: { Args: Record<never, never>; Returns: string }
    }
    Enums: Record<never, never>
    CompositeTypes: Record<never, never>
  }
}
