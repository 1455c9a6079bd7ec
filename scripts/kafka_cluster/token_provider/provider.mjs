// A token provider for tests: a certified one (oidc-provider), on loopback.
//
//   node provider.mjs provider.json
//
// The file says where it listens, who its clients are and how long a token lives
// (../tokens.py writes it). POST /token is the provider's own; POST /assertion takes a signed
// assertion in place of a client's secret (RFC 7523, KIP-1139), which the provider does not
// know. GET /jwks has the keys of both. Each request is a line in the log, without secrets.

import { generateKeyPairSync, randomUUID, webcrypto } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

// What Node.js 18, that of Debian 12, does not have yet.
globalThis.crypto ??= webcrypto;
URL.parse ??= (text) => {
  try {
    return new URL(text);
  } catch {
    return null;
  }
};
const { default: Provider } = await import("oidc-provider");
const { SignJWT, importJWK, importSPKI, jwtVerify } = await import("jose");

const told = JSON.parse(readFileSync(process.argv[2]));

// One key for as long as the cluster lives: the brokers ask for it seldom.
if (!existsSync(told.key)) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...privateKey.export({ format: "jwk" }), kid: randomUUID() };
  writeFileSync(told.key, JSON.stringify({ ...jwk, alg: "RS256", use: "sig" }), { mode: 0o600 });
}
const jwk = JSON.parse(readFileSync(told.key));

const provider = new Provider(told.issuer, {
  clients: told.clients.map(({ id, secret }) => ({
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: "client_secret_basic",
    grant_types: ["client_credentials"],
    response_types: [],
    redirect_uris: [],
    scope: told.scope,
  })),
  jwks: { keys: [jwk] },
  scopes: [told.scope],
  cookies: { keys: [randomUUID()] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:cafka",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: told.scope,
        audience: told.audience,
        accessTokenTTL: told.seconds,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: jwk.alg } },
      }),
    },
  },
});

async function form(request) {
  let body = "";
  for await (const part of request.setEncoding("utf8")) {
    body += part;
  }
  return new URLSearchParams(body);
}

// The answer to a signed assertion: its status and its body.
async function assertion(request) {
  const words = await form(request);
  if (words.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer") {
    return [400, { error: "unsupported_grant_type" }];
  }
  try {
    const { payload } = await jwtVerify(
      words.get("assertion") ?? "",
      ({ alg }) => importSPKI(readFileSync(told.assertion_keys[alg], "utf8"), alg),
      {
        algorithms: Object.keys(told.assertion_keys),
        audience: told.issuer,
        requiredClaims: ["iss", "sub", "exp"],
      },
    );
    const token = await new SignJWT({ scope: words.get("scope") ?? told.scope })
      .setProtectedHeader({ alg: jwk.alg, typ: "at+jwt", kid: jwk.kid })
      .setIssuer(told.issuer)
      .setSubject(payload.sub)
      .setAudience(told.audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime(`${told.seconds} s`)
      .sign(await importJWK(jwk, jwk.alg));
    return [200, { access_token: token, token_type: "Bearer", expires_in: told.seconds }];
  } catch (failure) {
    return [400, { error: "invalid_grant", error_description: failure.message }];
  }
}

provider.use(async (context, next) => {
  if (context.method === "POST" && context.path === "/assertion") {
    [context.status, context.body] = await assertion(context.req);
  } else {
    await next();
  }
  const time = new Date().toISOString().slice(11, 23);
  const { error, error_description: why } = context.body ?? {};
  const words = [time, context.method, context.path, context.status, error, why];
  console.log(words.filter(Boolean).join(" "));
});

const handle = provider.callback();
http.createServer(handle).listen(told.port, told.host);
const { port, ...tls } = told.tls;
https.createServer({ ...tls, pfx: readFileSync(tls.pfx) }, handle).listen(port, told.host);
