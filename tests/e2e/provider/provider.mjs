// An OpenID Connect provider for tests, on loopback: whoever types a name is who bears it, and agrees to everything.
//   node provider.mjs PORT CLIENT_ID CLIENT_SECRET REDIRECT_URI
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port, client_id, client_secret, redirect_uri] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id, client_secret, redirect_uris: [redirect_uri] }],
  claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
  cookies: { keys: ['signs the cookies of tests'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, name: sub, email: `${sub}@login.example` }),
  }),
  async loadExistingGrant({ oidc }) {
    const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope('openid profile email');
    await grant.save();
    return grant;
  },
});

const answer = provider.callback();
createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  if (request.method === 'POST') {
    let form = '';
    for await (const part of request) form += part;
    const login = { accountId: new URLSearchParams(form).get('name') };
    return provider.interactionFinished(request, response, { login });
  }
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.end('<link rel="icon" href="data:,"><form method="post"><label>Name <input name="name"></label><button>Sign in</button></form>');
}).listen(Number(port), '127.0.0.1');
