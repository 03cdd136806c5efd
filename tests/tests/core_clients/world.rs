//! A node to be called as a client of Bitcoin Core calls it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_core::address::{Address, AddressPrefix};
use cairn_core::amount::Amount;
use cairn_core::block::Block;
use cairn_core::encoding::{decode, encode};
use cairn_core::lock::{Lock, PublicKey};
use cairn_core::signing::{sign, signature_digest};
use cairn_core::transaction::{LockTime, OutPoint, Output, Transaction, TransactionBody};
use cairn_tests::process::{NodeProcess, Options};
use cairn_tests::rpc::CallError;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

/// A node, and a key that its blocks pay.
pub struct World {
    pub node: NodeProcess,
    pub key: SigningKey,
}

impl World {
    pub fn new() -> Self {
        Self { node: NodeProcess::start(Options::default()), key: SigningKey::from_bytes(&[7; 32]) }
    }

    pub fn call(&self, method: &str, params: Value) -> Value {
        self.node.call(method, params)
    }

    pub fn lock(&self) -> Lock {
        Lock::PublicKey(PublicKey::from_bytes(self.key.verifying_key().to_bytes()))
    }

    pub fn address(&self) -> String {
        let info = self.call("getblockchaininfo", json!([]));
        let prefix = AddressPrefix::new(text(&info["addressprefix"])).expect("a prefix");
        Address::new(&prefix, self.lock()).to_string()
    }

    pub fn generate(&self, count: u32) -> Vec<String> {
        let hashes = self.call("generatetoaddress", json!([count, self.address()]));
        hashes.as_array().expect("hashes").iter().map(|hash| text(hash).to_owned()).collect()
    }

    pub fn block(&self, hash: &str) -> Block {
        let bytes = hex::decode(text(&self.call("getblock", json!([hash, 0])))).expect("hex");
        decode(&bytes, bytes.len()).expect("a block")
    }

    /// The coin that a block pays us.
    pub fn coin_of(&self, hash: &str) -> (OutPoint, Output) {
        let block = self.block(hash);
        (OutPoint { txid: block.coinbase().txid(), index: 0 }, block.coinbase().outputs[0].clone())
    }

    /// Spends a coin to ourselves and leaves this fee, as hex and with its id.
    pub fn spend(&self, outpoint: OutPoint, output: &Output, fee: u64) -> (String, String) {
        let amount = output.amount.checked_sub(Amount::from_units(fee)).expect("enough");
        let outputs = vec![Output { amount, lock: self.lock() }];
        let body = TransactionBody { inputs: vec![outpoint], outputs, lock_time: LockTime::Immediate };
        let info = self.call("getblockchaininfo", json!([]));
        let genesis = text(&info["genesishash"]).parse().expect("a hash");
        let digest = signature_digest(&genesis, &body, std::slice::from_ref(output));
        let transaction = Transaction::new(body, vec![sign(&self.key, &digest)]);
        (hex::encode(encode(&transaction)), transaction.txid().to_string())
    }

    #[track_caller]
    pub fn refused(&self, method: &str, params: Value) -> (i64, String) {
        match self.node.try_call(method, params.clone()) {
            Err(CallError::Rejected { code, message, .. }) => (code, message),
            other => panic!("{method} {params}: {other:?}"),
        }
    }

    /// One POST as it goes over the wire; status and body of the answer.
    pub fn post(&self, body: &str) -> (u16, Value) {
        let secret = std::fs::read_to_string(self.node.data_dir().join(".cookie")).expect("the cookie");
        let address = self.node.rpc_address();
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nUser-Agent: AuthServiceProxy/0.1\r\nAuthorization: Basic {}\r\n\
             Content-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            STANDARD.encode(secret),
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(body.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        (head[9..12].parse().expect("a status"), serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
