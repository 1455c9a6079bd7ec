import java.util.Properties;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/// A transactional writer: transactions.java <brokers> <topic> <count>. Of so many
/// transactions of ten records each to partition 0, every third one is aborted; between
/// them another producer writes one record outside of any.
public class transactions {
  static Properties settings(String brokers) {
    var all = new Properties();
    all.put("bootstrap.servers", brokers);
    all.put("key.serializer", StringSerializer.class.getName());
    all.put("value.serializer", StringSerializer.class.getName());
    return all;
  }

  public static void main(String[] args) throws Exception {
    var with = settings(args[0]);
    with.put("transactional.id", args[1]);
    try (var writer = new KafkaProducer<String, String>(with);
         var plain = new KafkaProducer<String, String>(settings(args[0]))) {
      writer.initTransactions();
      for (int t = 0; t != Integer.parseInt(args[2]); ++t) {
        writer.beginTransaction();
        var aborts = t % 3 == 2;
        for (int i = 0; i != 10; ++i)
          writer.send(new ProducerRecord<>(
            args[1], 0, null, (aborts ? "aborted " : "committed ") + t + " " + i));
        writer.flush();
        plain.send(new ProducerRecord<>(args[1], 0, null, "plain " + t)).get();
        if (aborts)
          writer.abortTransaction();
        else
          writer.commitTransaction();
      }
    }
  }
}
