// tls_client.js WHAT ... - clients of node for tls_test.sh: ws URL, h2 URL, h2server PORT CERT KEY
'use strict';
const http2 = require('http2'), https = require('https'), crypto = require('crypto'), fs = require('fs');
const [what, a, b, c] = process.argv.slice(2);

function fail(e) { console.log('failed: ' + (e && e.message || e)); process.exit(1); }
process.on('uncaughtException', fail);

if (what === 'ws') { // texts of several lengths come back as they were
	const texts = ['short', 'x'.repeat(200), 'y'.repeat(60000)];
	const u = new URL(a);
	const q = https.request({ host: u.hostname, port: u.port || 443, path: u.pathname, headers: {
		Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13,
		'Sec-WebSocket-Key': crypto.randomBytes(16).toString('base64') } });
	q.on('error', fail);
	q.on('response', r => fail('no upgrade: ' + r.statusCode));
	q.on('upgrade', (r, s, head) => {
		let got = head, n = 0;
		const send = text => {
			const body = Buffer.from(text), mask = crypto.randomBytes(4);
			const size = body.length < 126 ? Buffer.from([0x80 | body.length])
				: Buffer.from([0x80 | 126, body.length >> 8, body.length & 255]);
			for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
			s.write(Buffer.concat([Buffer.from([0x81]), size, mask, body]));
		};
		s.on('data', d => {
			got = Buffer.concat([got, d]);
			for (;;) {
				if (got.length < 4) return;
				const short = got[1] < 126, len = short ? got[1] : got.readUInt16BE(2), at = short ? 2 : 4;
				if (got.length < at + len) return;
				if (got.subarray(at, at + len).toString() !== texts[n]) fail('another text came back');
				got = got.subarray(at + len);
				if (++n === texts.length) { console.log('echoed ' + n); process.exit(0); }
				send(texts[n]);
			}
		});
		send(texts[0]);
	});
	q.end();
} else if (what === 'h2') { // forty streams at once; one that speaks both ways, as gRPC does
	const s = http2.connect(a);
	s.on('error', fail);
	const one = n => new Promise((good, bad) => {
		const q = s.request({ ':path': '/bytes/' + n });
		let got = 0;
		q.on('data', d => got += d.length);
		q.on('error', bad);
		q.on('end', () => got === n ? good() : bad(new Error(got + ' of ' + n)));
		q.end();
	});
	const both = () => new Promise((good, bad) => {
		const q = s.request({ ':path': '/echo', ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' });
		let got = '', turn = 0, trailers = null;
		q.on('data', d => {
			got += d;
			if (++turn < 5) q.write('turn ' + turn + ';'); else q.end();
		});
		q.on('trailers', t => trailers = t);
		q.on('error', bad);
		q.on('end', () => got === 'turn 0;turn 1;turn 2;turn 3;turn 4;' && trailers && trailers['grpc-status'] === '0'
			? good() : bad(new Error(got + JSON.stringify(trailers))));
		q.write('turn 0;');
	});
	const all = [both()];
	for (let i = 0; i < 40; i++) all.push(one(1000 + i * 997));
	Promise.all(all).then(() => { console.log('streams ' + all.length + ' ' + s.alpnProtocol); process.exit(0); }, fail);
} else if (what === 'h2server') {
	const s = http2.createSecureServer({ cert: fs.readFileSync(b), key: fs.readFileSync(c) });
	s.on('stream', (q, h) => {
		if (h[':path'] === '/echo') {
			q.respond({ ':status': 200 }, { waitForTrailers: true });
			q.on('wantTrailers', () => q.sendTrailers({ 'grpc-status': '0' }));
			q.pipe(q);
		} else {
			q.respond({ ':status': 200 });
			q.end(Buffer.alloc(Number(h[':path'].slice(7)), 7));
		}
	});
	s.listen(Number(a), '127.0.0.1', () => console.log('ready'));
}
