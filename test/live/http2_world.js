// http2_world.js - servers of HTTP/2 and HTTP/1.1 for http2_test.sh: http2_world.js CERT KEY
//
// On 443 HTTP/2 alone.  PUT: how many bytes came, and their SHA-256; /many/N: N bytes; /fields: the request's fields as JSON, with
// trailers; /chat: lines come back in capital letters, as they come; extended CONNECT the same.  On 444 HTTP/1.1 alone: the request's
// line and length.
'use strict';
const crypto = require('crypto'), fs = require('fs'), http2 = require('http2'), https = require('https');
const tls = { cert: fs.readFileSync(process.argv[2]), key: fs.readFileSync(process.argv[3]) };

const answer = (stream, head) => {
	const path = head[':path'];
	if (head[':method'] === 'PUT') {
		const sum = crypto.createHash('sha256');
		let n = 0;
		stream.on('data', (d) => { n += d.length; sum.update(d); });
		stream.on('end', () => { stream.respond({ ':status': 200 }); stream.end(`${n} ${sum.digest('hex')}\n`); });
	} else if (head[':method'] === 'CONNECT' || path === '/chat') {
		stream.respond({ ':status': 200 });
		stream.on('data', (d) => stream.write(d.toString().toUpperCase()));
		stream.on('end', () => stream.end());
	} else if (path.startsWith('/many/')) {
		stream.respond({ ':status': 200 });
		stream.end(Buffer.alloc(Number(path.slice(6)), 'sluice'));
	} else {
		stream.respond({ ':status': 200, 'x-echo': head['x-key'] || '-' }, { waitForTrailers: true });
		stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': 'after all' }));
		stream.end(JSON.stringify(head) + '\n');
	}
};

const two = http2.createSecureServer({ ...tls, settings: { enableConnectProtocol: true } });
two.on('stream', (stream, head) => { stream.on('error', () => {}); answer(stream, head); });
two.listen(443, '127.0.0.1', () => {
	https.createServer({ ...tls, ALPNProtocols: ['http/1.1'] }, (q, r) => {
		let n = 0;
		q.on('data', (d) => { n += d.length; });
		q.on('end', () => r.end(`${q.httpVersion} ${q.method} ${q.url} ${n}\n`));
	}).listen(444, '127.0.0.1', () => console.log('ready'));
});
