--
-- PostgreSQL database dump
--

-- Dumped from database version 15.8
-- Dumped by pg_dump version 15.8

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Data for Name: users; Type: TABLE DATA; Schema: auth; Owner: supabase_auth_admin
--

COPY "auth"."users" ("instance_id", "id", "aud", "role", "email", "encrypted_password", "email_confirmed_at", "invited_at", "confirmation_token", "confirmation_sent_at", "recovery_token", "recovery_sent_at", "email_change_token_new", "email_change", "email_change_sent_at", "last_sign_in_at", "raw_app_meta_data", "raw_user_meta_data", "is_super_admin", "created_at", "updated_at", "phone", "phone_confirmed_at", "phone_change", "phone_change_token", "phone_change_sent_at", "email_change_token_current", "email_change_confirm_status", "banned_until", "reauthentication_token", "reauthentication_sent_at", "is_sso_user", "deleted_at", "is_anonymous") FROM stdin;
00000000-0000-0000-0000-000000000000	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001	authenticated	authenticated	ada@moved.test	$2a$10$4RVoE6GsBEf3AKxerhfg.u.yk3.JzG97UdsSdF6ovAaDkbcO4yjKW	2026-03-01 09:30:17.505336+00	\N		\N		\N			\N	2026-04-09 16:47:41.214846+00	{"provider": "email", "providers": ["email"]}	{"sub": "0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001", "name": "Ada", "email": "ada@moved.test", "email_verified": true, "phone_verified": false}	\N	2026-03-01 09:29:50.290912+00	2026-04-09 16:47:41.214846+00	\N	\N			\N		0	\N		\N	f	\N	f
00000000-0000-0000-0000-000000000000	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0002	authenticated	authenticated	bob@moved.test	\N	2026-03-01 09:30:17.505336+00	\N		\N		\N			\N	2026-04-09 16:47:41.214846+00	{"provider": "github", "providers": ["github"]}	{"user_name": "bob"}	\N	2026-03-01 09:29:50.290912+00	2026-04-09 16:47:41.214846+00	\N	\N			\N		0	\N		\N	f	\N	f
00000000-0000-0000-0000-000000000000	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0003	authenticated	authenticated	\N	\N	\N	\N		\N		\N			\N	2026-04-09 16:47:41.214846+00	{}	{}	\N	2026-03-01 09:29:50.290912+00	2026-04-09 16:47:41.214846+00	\N	\N			\N		0	\N		\N	f	\N	t
\.


--
-- Data for Name: identities; Type: TABLE DATA; Schema: auth; Owner: supabase_auth_admin
--

COPY "auth"."identities" ("provider_id", "user_id", "identity_data", "provider", "last_sign_in_at", "created_at", "updated_at", "id") FROM stdin;
0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001	{"sub": "0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001", "email": "ada@moved.test", "email_verified": true, "phone_verified": false}	email	2026-03-01 09:29:50.28+00	2026-03-01 09:29:50.28+00	2026-03-01 09:29:50.28+00	7d1b3c6e-0000-4000-8000-000000000001
1234567	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0002	{"iss": "https://api.github.com", "sub": "1234567", "email": "bob@moved.test", "user_name": "bob", "provider_id": "1234567", "email_verified": true}	github	2026-03-01 09:29:50.28+00	2026-03-01 09:29:50.28+00	2026-03-01 09:29:50.28+00	7d1b3c6e-0000-4000-8000-000000000002
\.


--
-- Data for Name: sessions; Type: TABLE DATA; Schema: auth; Owner: supabase_auth_admin
--

COPY "auth"."sessions" ("id", "user_id", "created_at", "updated_at", "factor_id", "aal", "not_after", "refreshed_at", "user_agent", "ip", "tag", "oauth_client_id", "refresh_token_hmac_key", "refresh_token_counter", "scopes") FROM stdin;
5e551011-0000-4000-8000-000000000001	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001	2026-04-09 16:47:41.21+00	2026-04-10 08:00:00.1+00	\N	aal1	\N	2026-04-10 08:00:00.1	Mozilla/5.0 (X11; Linux x86_64)	203.0.113.1	\N	\N	\N	\N	\N
5e551011-0000-4000-8000-000000000002	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0002	2026-04-09 16:47:41.21+00	2026-04-10 08:00:00.1+00	\N	aal1	\N	2026-04-10 08:00:00.1	Mozilla/5.0 (X11; Linux x86_64)	203.0.113.2	\N	\N	\N	\N	\N
5e551011-0000-4000-8000-000000000003	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0003	2026-04-09 16:47:41.21+00	2026-04-10 08:00:00.1+00	\N	aal1	\N	2026-04-10 08:00:00.1	Mozilla/5.0 (X11; Linux x86_64)	203.0.113.3	\N	\N	\N	\N	\N
\.


--
-- Data for Name: mfa_amr_claims; Type: TABLE DATA; Schema: auth; Owner: supabase_auth_admin
--

COPY "auth"."mfa_amr_claims" ("session_id", "created_at", "updated_at", "authentication_method", "id") FROM stdin;
5e551011-0000-4000-8000-000000000001	2026-04-09 16:47:41.21+00	2026-04-09 16:47:41.21+00	password	a3a3a3a3-0000-4000-8000-000000000001
5e551011-0000-4000-8000-000000000002	2026-04-09 16:47:41.21+00	2026-04-09 16:47:41.21+00	oauth	a3a3a3a3-0000-4000-8000-000000000002
5e551011-0000-4000-8000-000000000003	2026-04-09 16:47:41.21+00	2026-04-09 16:47:41.21+00	anonymous	a3a3a3a3-0000-4000-8000-000000000003
\.


--
-- Data for Name: refresh_tokens; Type: TABLE DATA; Schema: auth; Owner: supabase_auth_admin
--

COPY "auth"."refresh_tokens" ("instance_id", "id", "token", "user_id", "revoked", "created_at", "updated_at", "parent", "session_id") FROM stdin;
00000000-0000-0000-0000-000000000000	1	adazk4fq7wd1	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001	t	2026-04-09 10:47:41.2+00	2026-04-09 10:47:41.2+00	\N	5e551011-0000-4000-8000-000000000001
00000000-0000-0000-0000-000000000000	2	adaq29dxm5lt	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001	t	2026-04-09 11:47:41.2+00	2026-04-09 11:47:41.2+00	adazk4fq7wd1	5e551011-0000-4000-8000-000000000001
00000000-0000-0000-0000-000000000000	3	adau8rbn3vch	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0001	f	2026-04-09 12:47:41.2+00	2026-04-09 12:47:41.2+00	adaq29dxm5lt	5e551011-0000-4000-8000-000000000001
00000000-0000-0000-0000-000000000000	4	bobzk4fq7wd1	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0002	t	2026-04-09 10:47:41.2+00	2026-04-09 10:47:41.2+00	\N	5e551011-0000-4000-8000-000000000002
00000000-0000-0000-0000-000000000000	5	bobq29dxm5lt	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0002	t	2026-04-09 11:47:41.2+00	2026-04-09 11:47:41.2+00	bobzk4fq7wd1	5e551011-0000-4000-8000-000000000002
00000000-0000-0000-0000-000000000000	6	bobu8rbn3vch	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0002	f	2026-04-09 12:47:41.2+00	2026-04-09 12:47:41.2+00	bobq29dxm5lt	5e551011-0000-4000-8000-000000000002
00000000-0000-0000-0000-000000000000	7	evezk4fq7wd1	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0003	t	2026-04-09 10:47:41.2+00	2026-04-09 10:47:41.2+00	\N	5e551011-0000-4000-8000-000000000003
00000000-0000-0000-0000-000000000000	8	eveq29dxm5lt	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0003	t	2026-04-09 11:47:41.2+00	2026-04-09 11:47:41.2+00	evezk4fq7wd1	5e551011-0000-4000-8000-000000000003
00000000-0000-0000-0000-000000000000	9	eveu8rbn3vch	0b0e6c1e-8a53-4a0c-9a55-6a2f4f0a0003	f	2026-04-09 12:47:41.2+00	2026-04-09 12:47:41.2+00	eveq29dxm5lt	5e551011-0000-4000-8000-000000000003
\.


--
-- Name: refresh_tokens_id_seq; Type: SEQUENCE SET; Schema: auth; Owner: supabase_auth_admin
--

SELECT pg_catalog.setval('"auth"."refresh_tokens_id_seq"', 9, true);


--
-- PostgreSQL database dump complete
--
